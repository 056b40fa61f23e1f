import * as v from 'valibot'
import type { Setting } from './settings-readers.ts'
import type { Result } from './types.ts'

export type Rows = Readonly<Record<string, Setting<unknown>>>
/** The values of one parsed file, by its name. */
export type FileValues = { name: string; values: Readonly<Record<string, unknown>> }
export type ValuesOf<R extends Rows> = { readonly [K in keyof R]: v.InferOutput<R[K]['read']> }

/** Reads the values of a table of settings from one or more parsed files, later ones winning; every problem comes back at once, each as
 *  `file: key: what, got`, and without the value where it may be a secret. With a problem the values are not to be used. */
export function parseRows<R extends Rows>(rows: R, files: readonly FileValues[]): { values: ValuesOf<R>; problems: string[] } {
  const problems: string[] = []
  const known = new Map(Object.entries(rows).map(([name, setting]) => [setting.key, name]))
  const tables = new Set(Object.values(rows).flatMap(({ key }) => key.split('.').slice(0, -1)))
  const values: Record<string, unknown> = {}
  for (const [name, setting] of Object.entries(rows)) values[name] = v.parse(setting.read, setting.fallback)
  for (const file of files) {
    for (const [key, value] of flatten(file.values, tables)) {
      const name = known.get(key)
      if (name === undefined) {
        problems.push(`${file.name}: ${key}: unknown key${didYouMean(key, [...known.keys()])}`)
        continue
      }
      const read = readSetting(rows[name]!, value)
      if (read.ok) values[name] = read.value
      else problems.push(`${file.name}: ${key}: ${read.problem}`)
    }
  }
  return { values: values as ValuesOf<R>, problems }
}

/** Gives what stands in a table under the names of both, `score.socket`. */
function flatten(values: Readonly<Record<string, unknown>>, tables: ReadonlySet<string>): [string, unknown][] {
  return Object.entries(values).flatMap(([key, value]): [string, unknown][] =>
    tables.has(key) && isTable(value) ? Object.entries(value).map(([name, inner]) => [`${key}.${name}`, inner]) : [[key, value]],
  )
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)
}

function readSetting({ read, isSecret }: Setting<unknown>, value: unknown): Result<unknown> {
  const result = v.safeParse(read, value, { abortEarly: true })
  if (result.success) return { ok: true, value: result.output }
  const shown = JSON.stringify(value) ?? String(value)
  return { ok: false, problem: `${result.issues[0].message}${isSecret ? '' : `, got ${shown.slice(0, 80)}`}` }
}

function didYouMean(key: string, keys: readonly string[]): string {
  if (key === 'notify') return '; [notify] stands in notify.toml, beside this file'
  // In a table the first letters behind its name count.
  const stem = key.slice(0, Math.max(5, key.lastIndexOf('.') + 3))
  const near = keys.find(other => other.startsWith(stem) || key.replaceAll('-', '_') === other || other.endsWith(`.${key}`))
  return near === undefined ? '' : `; did you mean ${near}?`
}
