import { printable } from '../printable.ts'
import type { Result } from '../types.ts'
import type { Facts, Parts } from './facts.ts'

/** `bad`: modwarden does not protect as it should; `warn`: it does, but something is amiss; `skipped`: there was nothing to look at, or it could
 *  not be looked at, and `what` says why. */
export type Severity = 'bad' | 'warn' | 'ok' | 'skipped'

/** What a check says of one thing: of the machine, or of what `about` names (a log, a chain). */
export type Verdict = {
  severity: Severity
  what: string
  about?: string
  /** What was seen. */
  evidence?: string
  /** One line for a shell. */
  remedy?: string
}

/** A verdict as it is told: everything that a log, a file or a program said in it is escaped and bounded. */
export type Finding = Verdict & { check: string }

/** What is looked at, in the order in which it is told; `finds` and `remedy` are for the reference. */
export type Check = {
  id: string
  finds: string
  remedy: string
  /** The parts of the facts without which nothing can be said. */
  needs: readonly (keyof Parts)[]
  judge: (facts: Facts) => Verdict | readonly Verdict[]
}

/** The facts of a check: the parts that it needs as they are, the others as far as they could be looked at. */
export type Known<K extends keyof Parts> = { readonly [P in K]: Parts[P] } & Omit<Facts, K>

/** Makes a row of the table of checks; `judge` gets the parts that it needs. */
export function check<K extends keyof Parts>(
  row: Omit<Check, 'needs' | 'judge'> & { needs: readonly K[]; judge: (known: Known<K>) => Verdict | readonly Verdict[] },
): Check {
  const judge = (facts: Facts) => {
    const parts = row.needs.map(part => [part, (facts[part] as { ok: true; value: unknown }).value])
    return row.judge({ ...facts, ...Object.fromEntries(parts) } as Known<K>)
  }
  return { ...row, judge }
}

const MOST = { what: 400, about: 256, evidence: 400, remedy: 1000 } as const

/** Judges the facts by each check. A check that cannot be made, or breaks, is one finding like any other. */
export function examine(checks: readonly Check[], facts: Facts): Finding[] {
  return checks.flatMap(({ id, needs, judge }) => {
    const missing = needs.find(part => !facts[part].ok)
    const verdicts = missing === undefined ? attempt(() => judge(facts)) : skipped(reasonOf(missing, facts))
    return [verdicts].flat().map(verdict => clean(id, verdict))
  })
}

/** A check that does not apply here, or that nobody could make. */
export function skipped(what: string): Verdict {
  return { severity: 'skipped', what }
}

function reasonOf(part: keyof Parts, facts: Facts): string {
  const looked = facts[part]
  if (part === 'settings') return 'the settings are wrong (settings)'
  return looked.ok ? '' : looked.problem
}

function attempt(judge: () => Verdict | readonly Verdict[]): Verdict | readonly Verdict[] {
  try {
    return judge()
  } catch (error) {
    return skipped(`the check itself failed: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function clean(check: string, { severity, what, about, evidence, remedy }: Verdict): Finding {
  return {
    check,
    severity,
    what: printable(what, MOST.what),
    ...(about === undefined ? {} : { about: printable(about, MOST.about) }),
    ...(evidence === undefined ? {} : { evidence: printable(evidence, MOST.evidence) }),
    ...(remedy === undefined ? {} : { remedy: printable(remedy, MOST.remedy) }),
  }
}

/** Gives what a result holds, or undefined. */
export function ifKnown<T>(result: Result<T>): T | undefined {
  return result.ok ? result.value : undefined
}
