import type { Millis, RuleMatch } from './types.ts'

/** How the plugin of the web server decides: 1 false-positive detection, 2 general detection, 3 additive. */
export type PluginMode = 1 | 2 | 3

/** When each mode of the plugin, and an inline score, was seen last. */
export type InlineScoring = { modes: Partial<Record<PluginMode, Millis>>; scoredAt: Millis | undefined }

/** Our rules that only one mode has. */
const MODE_OF_RULE: ReadonlyMap<string, PluginMode> = new Map([
  ['9516110', 1],
  ['9516311', 1],
  ['9516210', 2],
  ...['9516140', '9516150', '9516160', '9516170', '9516410', '9516411'].map(id => [id, 3] as const),
])

/** Our rules that tell in their data which mode it was; all of it they write themselves. */
const TELLS_MODE = new Set(['9516300', '9516330', '9516340', '9516341'])
const MODE_IN_DATA = /^ML status: [a-z]{0,16}(?:\. CRS anomaly score: \d{0,6})?\. Mode: ([123])$/

/** A mode that was not seen for so long before another one is in use no more. */
const IN_USE: Millis = 3_600_000

/** Gives the mode in which the plugin ran, as its own rules tell; undefined when none of them matched. */
export function pluginMode(matches: readonly RuleMatch[]): PluginMode | undefined {
  for (const { id, data } of matches) {
    const mode = MODE_OF_RULE.get(id) ?? (TELLS_MODE.has(id) ? Number(MODE_IN_DATA.exec(data)?.[1]) : undefined)
    if (mode) return mode as PluginMode
  }
  return undefined
}

/** Sums up what events tell of inline scoring; undefined when none does. */
export function sumInlineScoring(
  events: readonly { at: Millis; event: { matches: readonly RuleMatch[]; loggedScore: number | undefined } }[],
): InlineScoring | undefined {
  let sum: InlineScoring | undefined
  for (const { at, event } of events) {
    const mode = event.matches.length === 0 ? undefined : pluginMode(event.matches)
    const isScored = event.loggedScore !== undefined
    if (mode === undefined && !isScored) continue
    sum = laterOf(sum, { modes: mode === undefined ? {} : { [mode]: at }, scoredAt: isScored ? at : undefined })
  }
  return sum
}

/** Joins two sights of one log: what was seen last counts. */
export function laterOf(one: InlineScoring | undefined, other: InlineScoring): InlineScoring {
  if (one === undefined) return other
  const modes = { ...one.modes }
  for (const mode of modesOf(other)) modes[mode] = Math.max(modes[mode] ?? 0, other.modes[mode]!)
  const scored = [one.scoredAt, other.scoredAt].filter(at => at !== undefined)
  return { modes, scoredAt: scored.length === 0 ? undefined : Math.max(...scored) }
}

/** Gives the modes in use, the one seen last first: several where the servers that write a log are not all set alike. */
export function modesInUse({ modes }: InlineScoring): { mode: PluginMode; seenAt: Millis }[] {
  const seen = modesOf({ modes }).map(mode => ({ mode, seenAt: modes[mode]! }))
  const latest = Math.max(...seen.map(({ seenAt }) => seenAt))
  return seen.filter(({ seenAt }) => latest - seenAt < IN_USE).sort((a, b) => b.seenAt - a.seenAt)
}

/** What each mode means, in the words of docs/crs-plugin.md. */
export const MODE_TEXT: Readonly<Record<PluginMode, string>> = {
  1: 'of what the CRS would block, only what the model finds strange too is',
  2: 'the model alone decides; the CRS blocks nothing by itself',
  3: 'the score adds to that of the CRS',
}

/** Says whether a mode can let through what the CRS would block. */
export function isOpening(mode: PluginMode): boolean {
  return mode !== 3
}

function modesOf({ modes }: Pick<InlineScoring, 'modes'>): PluginMode[] {
  return ([1, 2, 3] as const).filter(mode => modes[mode] !== undefined)
}
