import { readStatements, type Statement } from './directives.ts'
import {
  type ConfigFiles,
  createFindings,
  folderOf,
  readSecFile,
  readSecText,
  resolved,
  type Scope,
  type SecValue,
  type WebConfig,
} from './web-config.ts'

/** What holds in a block: inherited, and changed by its own statements. */
type Context = { name: string; isOn: boolean; values: ReadonlyMap<string, SecValue> }

/** Reads what nginx's configuration says of libmodsecurity: each block of http, server or location that switches it on or brings rules is a scope. */
export function readNginxConfig(file: string, files: ConfigFiles): WebConfig {
  const findings = createFindings(files)
  const scopes: Scope[] = []
  const folder = folderOf(file)
  let hasModule = false
  let user: string | undefined

  /** The statements of a file with those of the included files in their places. */
  function statementsOf(path: string, depth: number): Placed[] {
    const text = findings.read(path, depth)
    return text === undefined ? [] : placed(readStatements(text), path, depth)
  }

  function placed(statements: readonly Statement[], path: string, depth: number): Placed[] {
    return statements.flatMap(statement => {
      const [name, first = ''] = statement.words
      if (name !== 'include')
        return [{ ...statement, path, inside: statement.block === undefined ? undefined : placed(statement.block, path, depth) }]
      return findings.include(resolved(first, folder), false).flatMap(found => statementsOf(found, depth + 1))
    })
  }

  function walk(statements: readonly Placed[], outer: Context, name: string): void {
    const values = new Map(outer.values)
    let isOn = outer.isOn
    let isOwn = false
    for (const { words, path, line } of statements) {
      const [directive, first = ''] = words
      if (directive === 'load_module' && first.includes('modsecurity')) hasModule = true
      if (directive === 'user') user = first
      if (directive === 'modsecurity') isOn = first === 'on'
      if (directive === 'modsecurity_rules_file') readSecFile(resolved(first, folder), values, findings)
      if (directive === 'modsecurity_rules') readSecText(first, { path: `${path}:${line}`, values, findings, depth: 0 })
      if (directive === 'modsecurity_rules_remote') findings.problem(`${path}:${line}: rules from another server are not looked at`)
      isOwn ||= /^modsecurity(_rules|_rules_file)?$/.test(directive ?? '')
    }
    const before = scopes.length
    let isBare = false
    for (const { words, inside, path, line } of statements) {
      if (inside === undefined || !['http', 'server', 'location'].includes(words[0] ?? '')) continue
      const inner = words[0] === 'http' ? '' : `${words.slice(0, 3).join(' ')} at ${path}:${line}`
      const sofar = scopes.length
      walk(inside, { name: inner, isOn, values }, inner)
      isBare ||= words[0] === 'server' && scopes.length === sofar && !inside.some(one => one.words.join(' ') === 'modsecurity off')
    }
    // A location without it is an exception of its server. A block that has no rules, but leaves them to those within it, is none by itself.
    const leavesRules = values.size === 0 && scopes.length > before && !isBare
    if (isOn && isOwn && !leavesRules) scopes.splice(before, 0, { name, values })
  }

  walk(statementsOf(file, 0), { name: '', isOn: false, values: new Map() }, '')
  return {
    server: 'nginx',
    file,
    hasModule: hasModule || scopes.length > 0,
    scopes,
    user,
    module: undefined,
    hasJson: undefined,
    ...(scopes.length === 0 ? { scorer: undefined, scorerFile: undefined } : findings.scorer()),
    problems: findings.problems,
  }
}

type Placed = Omit<Statement, 'block'> & { path: string; inside: readonly Placed[] | undefined }
