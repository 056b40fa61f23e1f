import type { Finding, Severity } from './finding.ts'

const ORDER: readonly Severity[] = ['bad', 'warn', 'ok', 'skipped']
const MARKS: Readonly<Record<Severity, string>> = { bad: 'BAD ', warn: 'WARN', ok: 'ok  ', skipped: 'skip' }

/** Writes findings for a terminal: what is amiss first, with the evidence and the command; then a line for every other check, and a summary. */
export function findingsText(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ check }) => check.length))
  const groups = ORDER.map(severity => merged(findings.filter(finding => finding.severity === severity)))
  const amiss = groups
    .slice(0, 2)
    .flat()
    .map(finding => findingText(finding, width))
  const rest = groups
    .slice(2)
    .flat()
    .map(finding => `${headText(finding, width)}\n`)
  return [...amiss, amiss.length > 0 ? '\n' : '', ...rest, `\n${summaryText(findings)}\n`].join('')
}

/** Says in one line how many checks found what. */
export function summaryText(findings: readonly Finding[]): string {
  const of = (severity: Severity) => findings.filter(finding => finding.severity === severity).length
  const [bad, warn, ok, skipped] = ORDER.map(of) as [number, number, number, number]
  const amiss = bad + warn === 0 ? 'nothing amiss was found' : `${bad} bad, ${warn === 1 ? '1 warning' : `${warn} warnings`}`
  const isPart = findings.some(({ what }) => what.endsWith('run it as root'))
  return `${amiss}; ${ok} fine, ${skipped} skipped${isPart ? '; run it as root to look at the rest' : ''}`
}

function findingText(finding: Finding, width: number): string {
  const indent = ' '.repeat(MARKS.bad.length + width + 2)
  const evidence = finding.evidence === undefined ? '' : `${indent}seen: ${finding.evidence}\n`
  const remedy = finding.remedy === undefined ? '' : `${indent}do:   ${finding.remedy}\n`
  return `${headText(finding, width)}\n${evidence}${remedy}`
}

function headText({ severity, check, about, what }: Finding, width: number): string {
  return `${MARKS[severity]} ${check.padEnd(width)} ${about === undefined ? '' : `${about}: `}${what}`
}

/** What is said in the same words of several things is said once. */
function merged(findings: readonly Finding[]): Finding[] {
  const keyOf = ({ check, what, remedy }: Finding) => JSON.stringify([check, what, remedy])
  return [...Map.groupBy(findings, keyOf).values()].map(([first, ...others]) =>
    others.length === 0 ? first! : { ...first!, about: [first!, ...others].map(({ about }) => about ?? '').join(', ') },
  )
}
