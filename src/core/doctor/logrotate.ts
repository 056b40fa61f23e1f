/** What logrotate does with some logs. */
export type RotationRule = {
  file: string
  line: number
  patterns: readonly string[]
  copytruncate: boolean
  /** The mode, owner and group of the new file; undefined when logrotate makes none, `same` when it takes those of the old one. */
  create: { mode: number; owner: string | undefined; group: string | undefined } | 'same' | undefined
  /** What is run afterwards. */
  script: string
}

type Options = Pick<RotationRule, 'copytruncate' | 'create' | 'script'>

const SCRIPTS: ReadonlySet<string> = new Set(['postrotate', 'lastaction', 'prerotate', 'firstaction', 'preremove'])

/** Reads a file of logrotate: its rules, what holds behind it (`global`, which it may change), and what it includes. */
export function readLogrotate(text: string, file: string, global: Options): { rules: RotationRule[]; includes: string[]; global: Options } {
  const lines = text.split('\n').map(line => line.trim())
  const rules: RotationRule[] = []
  const includes: string[] = []
  let outer = global
  let inner: Options | undefined
  let patterns: string[] = []
  let start = 0
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at]!
    if (line === '' || line.startsWith('#')) continue
    const [word = '', ...rest] = line.split(/[\s=]+/)
    if (SCRIPTS.has(word)) {
      const end = lines.indexOf('endscript', at)
      const script = lines.slice(at + 1, end < 0 ? undefined : end).join('\n')
      if (inner !== undefined && (word === 'postrotate' || word === 'lastaction'))
        inner = { ...inner, script: `${inner.script}\n${script}` }
      at = end < 0 ? lines.length : end
    } else if (inner !== undefined && line.startsWith('}')) {
      rules.push({ file, line: start, patterns, ...inner })
      inner = undefined
      patterns = []
    } else if (inner !== undefined) inner = changed(inner, word, rest)
    else if (word === 'include') includes.push(...rest.slice(0, 1))
    else if (line.startsWith('/') || line.startsWith('"') || line.startsWith("'") || line === '{' || patterns.length > 0) {
      if (patterns.length === 0) start = at + 1
      patterns.push(...namesIn(line))
      if (line.includes('{')) inner = outer
    } else outer = changed(outer, word, rest)
  }
  return { rules, includes, global: outer }
}

/** What holds for a log of which no rule says otherwise. */
export const NO_OPTIONS: Options = { copytruncate: false, create: undefined, script: '' }

/** Says whether a rule is about a path. */
export function coversLog({ patterns }: Pick<RotationRule, 'patterns'>, path: string): boolean {
  return patterns.some(pattern => globExpression(pattern).test(path))
}

/** Makes the expression for a pattern of a shell: `*`, `?` and `[…]` stand for no slash. */
export function globExpression(pattern: string): RegExp {
  const source = pattern.replace(/\[[!^]?\]?[^\]/]*\]|[^\w/]/g, part => {
    if (part === '*') return '[^/]*'
    if (part === '?') return '[^/]'
    if (part.length > 2) return part.replace(/^\[!/, '[^').replaceAll('\\', '\\\\')
    return `\\${part}`
  })
  try {
    return new RegExp(`^${source}$`)
  } catch {
    return /^(?!)/
  }
}

function namesIn(line: string): string[] {
  const names = line.replace(/\{.*$/, '').match(/"[^"]*"|'[^']*'|\S+/g) ?? []
  return names.map(name => name.replace(/^["']|["']$/g, ''))
}

function changed(options: Options, word: string, rest: readonly string[]): Options {
  switch (word) {
    case 'copytruncate':
    case 'copy':
      return { ...options, copytruncate: word === 'copytruncate' }
    case 'nocopytruncate':
      return { ...options, copytruncate: false }
    case 'nocreate':
      return { ...options, create: undefined }
    case 'create':
      return { ...options, create: readCreate(rest) }
    default:
      return options
  }
}

function readCreate([first = '', ...rest]: readonly string[]): NonNullable<RotationRule['create']> {
  const isMode = /^[0-7]{3,4}$/.test(first)
  const [owner, group] = isMode ? rest : [first === '' ? undefined : first, ...rest]
  if (!isMode && owner === undefined) return 'same'
  return { mode: isMode ? Number.parseInt(first, 8) : 0o600, owner, group }
}
