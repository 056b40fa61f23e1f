import type { Result } from '../types.ts'
import { readDirectives } from './directives.ts'

/** The value of a setting of ModSecurity, and where it stands. */
export type SecValue = { value: string; file: string; line: number }

/** A part of a web server in which ModSecurity is in force, with the settings that hold there, by lower-case name; `name` is empty for the whole server. */
export type Scope = { name: string; values: ReadonlyMap<string, SecValue> }

/** What the configuration of a web server says of ModSecurity. */
export type WebConfig = {
  server: 'apache' | 'nginx'
  file: string
  /** Whether its module is loaded. */
  hasModule: boolean
  scopes: readonly Scope[]
  user: string | undefined
  /** The file of the module, or of the library behind it. */
  module: string | undefined
  /** Whether that can write JSON, as far as it can be told. */
  hasJson: boolean | undefined
  /** Where the plugin asks for scores; undefined when it is not loaded. */
  scorer: string | undefined
  /** The file that says so, where one does. */
  scorerFile: string | undefined
  /** What could not be read, a sentence each. */
  problems: readonly string[]
}

/** How configuration files are read: bounded, and never waiting. */
export type ConfigFiles = {
  read: (path: string) => Result<string>
  /** Gives the files that a pattern names, sorted; those of a folder when it names one. */
  expand: (pattern: string) => readonly string[]
}

const WANTED: ReadonlySet<string> = new Set([
  'secruleengine',
  'secauditengine',
  'secauditlog',
  'secauditlogformat',
  'secauditlogtype',
  'secauditlogparts',
  'secauditlogstoragedir',
])
const DEFAULT_SCORER = 'unix:/run/modwarden-score/score.sock'
const SCORER = /^[^#\n]*machine-learning-plugin_ml_server_url=([^'",\s]{1,256})/m
const MOST_DEPTH = 16
const MOST_PROBLEMS = 20

/** Collects what a walk through the files of a web server finds. */
export function createFindings(files: ConfigFiles) {
  const problems: string[] = []
  let scorer: string | undefined
  let scorerFile: string | undefined
  const notePlugin = (path: string, text: string) => {
    if (scorer === undefined && !text.includes('machine-learning-plugin')) return
    const said = SCORER.exec(text)?.[1]
    if (scorer === undefined && said !== undefined) [scorer, scorerFile] = [said, path]
    if (/(^|\/)machine-learning-before\.conf$/.test(path)) scorer ??= DEFAULT_SCORER
  }
  return {
    problems,
    scorer: () => ({ scorer, scorerFile }),
    problem(text: string): void {
      if (problems.length < MOST_PROBLEMS && !problems.includes(text)) problems.push(text)
    },
    /** Reads a file of the walk; undefined when that cannot be. */
    read(path: string, depth: number): string | undefined {
      const text: Result<string> = depth > MOST_DEPTH ? { ok: false, problem: 'it is included too deeply' } : files.read(path)
      if (text.ok) notePlugin(path, text.value)
      else this.problem(`${path}: ${text.problem}`)
      return text.ok ? text.value : undefined
    },
    /** Gives the files that an Include names; one without a wildcard must be there. */
    include(pattern: string, isOptional: boolean): readonly string[] {
      if (pattern.includes('${')) this.problem(`${pattern}: it names a variable that is not known here`)
      const found = pattern.includes('${') ? [] : files.expand(pattern)
      if (found.length === 0 && !isOptional && !/[*?[]/.test(pattern)) this.problem(`${pattern}: it is included, but not there`)
      return found
    },
  }
}

export type Findings = ReturnType<typeof createFindings>

/** Reads a file of ModSecurity's own language, as libmodsecurity loads one, into `values`; later settings win. */
export function readSecFile(path: string, values: Map<string, SecValue>, findings: Findings, depth = 0): void {
  const text = findings.read(path, depth)
  if (text !== undefined) readSecText(text, { path, values, findings, depth })
}

export type SecText = { path: string; values: Map<string, SecValue>; findings: Findings; depth: number }

/** Reads rules that stand in a configuration itself. */
export function readSecText(text: string, { path, values, findings, depth }: SecText): void {
  for (const { name, args, line } of readDirectives(text)) {
    if (name === 'include' && args[0] !== undefined)
      for (const file of findings.include(resolved(args[0], folderOf(path)), false)) readSecFile(file, values, findings, depth + 1)
    takeSetting({ name, args, line }, path, values)
  }
}

/** Takes over a setting that is asked for. */
export function takeSetting(
  { name, args, line }: { name: string; args: readonly string[]; line: number },
  file: string,
  values: Map<string, SecValue>,
): void {
  if (WANTED.has(name) && args[0] !== undefined) values.set(name, { value: args[0], file, line })
}

/** Gives a path that may be relative to a folder. */
export function resolved(path: string, folder: string): string {
  return path.startsWith('/') || path.startsWith('|') ? path : `${folder}/${path}`
}

/** Gives the folder of a path. */
export function folderOf(path: string): string {
  return path.slice(0, Math.max(1, path.lastIndexOf('/')))
}
