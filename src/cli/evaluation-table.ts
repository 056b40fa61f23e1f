import { type Evaluation, type GroupEvaluation, SCORES, SHARES } from '../core/evaluation/evaluation.ts'
import type { Interval } from '../core/evaluation/intervals.ts'
import type { Grouping } from '../core/evaluation/sample.ts'
import { printTable } from './output.ts'

/** What was measured on one file, or on the files of a subfolder together. */
export type EvaluatedRow = Evaluation & {
  data: string
  kind: 'file' | 'folder'
  model: string
  unlabelled: number
  broken: number
  groups: Partial<Record<Grouping, Record<string, GroupEvaluation>>>
}

const SHARE_NAMES = SHARES.flatMap(share => [`tpr@${Number(share) * 100}%`, '95 % ci'])

/** Writes one table of all rows, then one a grouping: there, files that stand in a subfolder are told together. */
export function printEvaluations(rows: readonly EvaluatedRow[], by: readonly Grouping[]): void {
  const names = ['data', 'benign', 'attack', 'auc', '95 % ci', 'ap', ...SHARE_NAMES]
  const over = [...SCORES.map(score => `benign>=${score}`), ...SCORES.map(score => `attack>=${score}`)]
  printTable([...names, ...over], rows.map(line), 'no file could be read')
  const folders = rows.filter(({ kind }) => kind === 'folder').map(({ data }) => data)
  const whole = rows.filter(({ kind, data }) => kind === 'folder' || !folders.some(folder => data.startsWith(folder)))
  for (const grouping of by) {
    process.stdout.write('\n')
    printTable(
      ['data', grouping, 'attacks', ...SHARE_NAMES, ...SCORES.map(score => `>=${score}`)],
      whole.flatMap(row =>
        Object.entries(row.groups[grouping] ?? {})
          .sort(byName)
          .map(([name, group]) => [row.data, name, ...groupLine(group)]),
      ),
      `no attack says its ${grouping}`,
    )
  }
}

function line(row: EvaluatedRow): string[] {
  return [
    row.data,
    String(row.benign),
    String(row.attack),
    figure(row.auc),
    interval(row.auc_ci),
    figure(row.average_precision),
    ...SHARES.flatMap(share => [figure(row.tpr_at_fpr[share]), interval(row.tpr_at_fpr_ci[share])]),
    ...SCORES.map(score => percent(row.share_over[score].benign)),
    ...SCORES.map(score => percent(row.share_over[score].attack)),
  ]
}

function groupLine({ attack, tpr_at_fpr, tpr_at_fpr_ci, share_over }: GroupEvaluation): string[] {
  const shares = SHARES.flatMap(share => [figure(tpr_at_fpr[share]), interval(tpr_at_fpr_ci[share])])
  return [String(attack), ...shares, ...SCORES.map(score => percent(share_over[score]))]
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1
}

function figure(value: number | null): string {
  return value === null ? '-' : value.toFixed(3)
}

function interval(ends: Interval | null): string {
  return ends === null ? '-' : ends.map(end => end.toFixed(3)).join('-')
}

function percent(share: number | null): string {
  return share === null ? '-' : `${(share * 100).toFixed(2)} %`
}
