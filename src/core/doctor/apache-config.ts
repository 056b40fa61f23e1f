import { type Directive, readDirectives } from './directives.ts'
import { type ConfigFiles, createFindings, folderOf, resolved, type SecValue, takeSetting, type WebConfig } from './web-config.ts'

/** Built into Debian's and Red Hat's Apache, or true of any. */
const BUILT_IN = ['core.c', 'http_core.c', 'mod_so.c', 'mod_log_config.c', 'mod_logio.c', 'mod_version.c', 'mod_unixd.c', 'mod_watchdog.c']

/** What is open around a directive: a condition that holds or not, a virtual host, or a place in which settings say nothing of the whole. */
type Block = { name: string; isRead: boolean; host?: Map<string, SecValue> }

type Start = { file: string; variables: ReadonlyMap<string, string>; files: ConfigFiles }

/** Reads what Apache's configuration says of ModSecurity: follows Include, IncludeOptional, Define and the conditions on modules and definitions.
 *  Settings for a Location, Directory or Files are exceptions and left out. */
export function readApacheConfig({ file, variables, files }: Start): WebConfig {
  const findings = createFindings(files)
  const defined = new Map(variables)
  const modules = new Set(BUILT_IN)
  const main = new Map<string, SecValue>()
  const hosts: { name: string; values: Map<string, SecValue> }[] = []
  const blocks: Block[] = []
  let root = folderOf(file)
  let module: string | undefined
  let user: string | undefined

  const expanded = (text: string) => text.replace(/\$\{(\w{1,64})\}/g, (whole, name: string) => defined.get(name) ?? whole)

  function holds(name: string, argument: string): boolean {
    const isNot = argument.startsWith('!')
    const what = isNot ? argument.slice(1) : argument
    if (name === '<ifmodule') return modules.has(what) !== isNot
    if (name === '<ifdefine') return defined.has(what) !== isNot
    if (name === '<iffile') return files.expand(resolved(what, root)).length > 0 !== isNot
    return true
  }

  function open({ name, line }: Directive, args: readonly string[], path: string): void {
    if (name === '<virtualhost') {
      const host = new Map<string, SecValue>()
      blocks.push({ name, isRead: true, host })
      hosts.push({ name: `<VirtualHost ${args.join(' ')}> at ${path}:${line}`, values: host })
    } else blocks.push({ name, isRead: name.startsWith('<if') && name !== '<if' && holds(name, args[0] ?? '') })
  }

  function close({ name }: Directive): void {
    const at = blocks.findLastIndex(block => block.name === name.replace('/', ''))
    if (at >= 0) blocks.length = at
  }

  function take(directive: Directive, args: readonly string[], path: string, depth: number): void {
    const [first = '', second = ''] = args
    if (directive.name === 'include' || directive.name === 'includeoptional')
      for (const found of findings.include(resolved(first, root), directive.name === 'includeoptional')) walk(found, depth + 1)
    else if (directive.name === 'serverroot') root = first
    else if (directive.name === 'define') defined.set(first, second)
    else if (directive.name === 'undefine') defined.delete(first)
    else if (directive.name === 'user') user = first
    else if (directive.name === 'loadmodule') {
      modules.add(first).add(second.replace(/^.*\//, '').replace(/\.so$/, '.c'))
      if (first === 'security2_module') module = resolved(second, root)
    } else {
      const values = blocks.findLast(block => block.host !== undefined)?.host ?? main
      takeSetting({ ...directive, args }, path, values)
    }
  }

  function walk(path: string, depth: number): void {
    const text = findings.read(path, depth)
    if (text === undefined) return
    for (const directive of readDirectives(text)) {
      const args = directive.args.map(expanded)
      if (directive.name.startsWith('</')) close(directive)
      else if (directive.name.startsWith('<')) open(directive, args, path)
      else if (blocks.every(({ isRead }) => isRead)) take(directive, args, path, depth)
    }
  }

  walk(file, 0)
  const own = hosts.filter(({ values }) => values.size > 0)
  const absolute = (values: ReadonlyMap<string, SecValue>) => withPaths(values, root)
  return {
    server: 'apache',
    file,
    hasModule: module !== undefined,
    scopes:
      module === undefined
        ? []
        : [
            { name: '', values: absolute(main) },
            ...own.map(({ name, values }) => ({ name, values: absolute(new Map([...main, ...values])) })),
          ],
    user,
    module,
    hasJson: undefined,
    ...(module === undefined ? { scorer: undefined, scorerFile: undefined } : findings.scorer()),
    problems: findings.problems,
  }
}

/** Reads the variables that Debian's `envvars` gives to Apache; a shell would read more. */
export function readEnvvars(text: string): Map<string, string> {
  const found = new Map<string, string>()
  for (const [, name, value] of text.matchAll(/^\s*export\s+(\w{1,64})=["']?([^"'\s#]{0,1024})/gm))
    found.set(
      name!,
      value!.replace(/\$\{?(\w{1,64})\}?/g, (_, other: string) => found.get(other) ?? ''),
    )
  return found
}

function withPaths(values: ReadonlyMap<string, SecValue>, root: string): Map<string, SecValue> {
  const paths = ['secauditlog', 'secauditlogstoragedir']
  return new Map(
    [...values].map(([name, value]) => [name, paths.includes(name) ? { ...value, value: resolved(value.value, root) } : value]),
  )
}
