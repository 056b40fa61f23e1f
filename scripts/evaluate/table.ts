import type { Measured } from './measure.ts'
import type { DataSet } from './sets.ts'

const COOKIE_GOAL = 0.62
const LOSS_GOALS: readonly [start: string, most: number][] = [
  ['encodings', 0],
  ['', 2],
]

/** Prints the table of the figures that are to be reached: the median of the seeds, and in brackets the lowest and highest. */
export function printResults(results: ReadonlyMap<DataSet, readonly Measured[]>): void {
  const rows = [['', 'reach', 'reached', '']]
  for (const [{ name, goal, isForEvasion }, measured] of results) {
    const of = (pick: (each: Measured) => number) => measured.map(pick)
    rows.push(
      atLeast(
        `${name}: TPR at 1 % FPR`,
        goal.tpr1,
        of(each => each.tpr1),
      ),
    )
    rows.push(
      atLeast(
        `${name}: TPR at 0.1 % FPR`,
        goal.tpr01,
        of(each => each.tpr01),
      ),
    )
    rows.push(
      atLeast(
        `${name}: AUC`,
        goal.auc,
        of(each => each.auc),
      ),
    )
    const [five, eight] = [of(each => each.over5 * 100), of(each => each.over8 * 100)]
    rows.push([`${name}: benign at 5 or more`, '0.5-2.5 %', range(five, 2, ' %'), verdict(median(five) >= 0.5 && median(five) <= 2.5)])
    rows.push([`${name}: benign at 8 or more`, '<= 0.02 %', range(eight, 3, ' %'), verdict(median(eight) <= 0.02)])
    const cookies = measured.flatMap(({ cookie1 }) => cookie1 ?? [])
    if (cookies.length > 0) rows.push(atLeast(`${name}, cookies only: TPR at 1 % FPR`, COOKIE_GOAL, cookies))
    if (isForEvasion) rows.push(...lossRows(name, measured))
  }
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map(row => row[column]!.length)))
  for (const row of rows)
    console.log(
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
}

function lossRows(name: string, measured: readonly Measured[]): string[][] {
  return Object.keys(measured[0]?.lost ?? {}).map(evasion => {
    const lost = measured.map(each => each.lost[evasion]!)
    const most = LOSS_GOALS.find(([start]) => evasion.startsWith(start))![1]
    return [`${name}, points lost by ${evasion}`, `<= ${most}`, range(lost, 1), verdict(median(lost) <= most)]
  })
}

function atLeast(name: string, goal: number | undefined, reached: readonly number[]): string[] {
  return [name, goal === undefined ? '-' : `>= ${goal}`, range(reached, 3), goal === undefined ? '' : verdict(median(reached) >= goal)]
}

function verdict(isReached: boolean): string {
  return isReached ? 'reached' : 'MISSED'
}

function range(values: readonly number[], digits: number, unit = ''): string {
  const [low, middle, high] = [Math.min(...values), median(values), Math.max(...values)].map(value => value.toFixed(digits))
  return values.length === 1 ? `${middle}${unit}` : `${middle}${unit} [${low} - ${high}]`
}

/** The middle value; of two the lower one. */
function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[(values.length - 1) >> 1]!
}
