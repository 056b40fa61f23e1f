/** The versions that were active, oldest first, the active one last. */
export type History = readonly string[]

/** A version to which a rollback may lead, and the history once it has. */
export type StepBack = { version: string; history: History }

/** Stands for the model that ships with the program, which no file of a model folder holds. */
export const BASE_VERSION = 'base'
const MOST_STEPS = 50
const VERSION = /^[\w:-][\w.:-]{0,63}$/

/** Tells whether a text may name a version: it becomes the name of a file. */
export function isVersion(text: string): boolean {
  return VERSION.test(text) && text !== 'active' && text !== BASE_VERSION
}

/** Tells whether a version is a model that ships with the program: 'base-4', or 'base' for whichever it is. */
export function isBaseVersion(version: string): boolean {
  return version === BASE_VERSION || version.startsWith(`${BASE_VERSION}-`)
}

/** Gives the history once `next` is active, with `current` as the version to go back to. */
export function withActivation(history: History, current: string, next: string): History {
  const before = history.at(-1) === current ? history : [...history, current]
  return next === current ? bounded(before) : bounded([...before, next])
}

/** Gives the versions to which a rollback may lead, the nearest first and at last the base model; none when it is active and nothing was before it.
 *  Each rollback forgets what it leaves, so that the next one goes further back. */
export function stepsBack(history: History, current: string): StepBack[] {
  const before = history.at(-1) === current ? history.slice(0, -1) : history
  const steps = before
    .map((version, index) => ({ version, history: before.slice(0, index + 1) }))
    .filter(({ version }) => version !== current)
    .reverse()
  const reachesBase = current === BASE_VERSION || steps.some(({ version }) => version === BASE_VERSION)
  return reachesBase ? steps : [...steps, { version: BASE_VERSION, history: [BASE_VERSION] }]
}

/** Writes a history as one line of JSON. */
export function historyToText(history: History): string {
  return `${JSON.stringify({ modwarden_model_history: history })}\n`
}

/** Reads a history; whatever else the text is counts as an empty one, for it only says where a rollback leads. */
export function parseHistory(text: string): History {
  try {
    const found: unknown = (JSON.parse(text) as { modwarden_model_history?: unknown } | null)?.modwarden_model_history
    const isName = (item: unknown): item is string => typeof item === 'string' && (item === BASE_VERSION || isVersion(item))
    return Array.isArray(found) ? bounded(found.filter(isName)) : []
  } catch {
    return []
  }
}

function bounded(history: History): History {
  return history.slice(-MOST_STEPS)
}
