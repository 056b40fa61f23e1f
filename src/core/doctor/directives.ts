/** One line of a configuration in the style of Apache; a block is opened by `<name` and closed by `</name`. Names are lower case. */
export type Directive = { name: string; args: readonly string[]; line: number }

const MOST_ARGUMENT = 4096

/** Reads the lines of a configuration file of Apache or of ModSecurity, with continued lines joined; never fails. */
export function readDirectives(text: string): Directive[] {
  const found: Directive[] = []
  const lines = text.split('\n')
  for (let at = 0; at < lines.length; at++) {
    const line = at + 1
    let whole = lines[at]!.trim()
    while (whole.endsWith('\\') && at + 1 < lines.length) whole = `${whole.slice(0, -1)} ${lines[++at]!.trim()}`
    if (whole === '' || whole.startsWith('#')) continue
    const [, name = '', rest = ''] = /^(<?\/?[^\s>]+)\s*(.*)$/.exec(whole) ?? []
    found.push({ name: name.toLowerCase(), args: readArguments(name.startsWith('<') ? rest.replace(/>$/, '') : rest), line })
  }
  return found
}

function readArguments(text: string): string[] {
  return (text.match(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\S+/g) ?? []).slice(0, 16).map(word => unquoted(word).slice(0, MOST_ARGUMENT))
}

function unquoted(word: string): string {
  const isQuoted = word.length > 1 && (word.startsWith('"') || word.startsWith("'")) && word.endsWith(word[0]!)
  return isQuoted ? word.slice(1, -1).replaceAll(`\\${word[0]}`, word[0]!) : word
}

/** A statement of nginx: its words, and the statements within its braces. */
export type Statement = { words: readonly string[]; block: readonly Statement[] | undefined; line: number }

/** Reads the statements of a configuration file of nginx; what does not end properly ends with the file. */
export function readStatements(text: string): Statement[] {
  const tokens = readTokens(text)
  let at = 0
  const read = (depth: number): Statement[] => {
    const found: Statement[] = []
    let words: string[] = []
    let line = 0
    for (; at < tokens.length; at++) {
      const token = tokens[at]!
      if (words.length === 0) line = token.line
      if (token.kind === 'word') words.push(token.text)
      else if (token.kind === 'end') found.push({ words, block: undefined, line })
      else if (token.kind === 'close') return found
      else {
        at++
        found.push({ words, block: depth < 32 ? read(depth + 1) : [], line })
      }
      if (token.kind !== 'word') words = []
    }
    return found
  }
  return read(0)
}

type Token = { kind: 'word' | 'end' | 'open' | 'close'; text: string; line: number }

const TOKEN = /#[^\n]*|\s+|"(?:[^"\\]|\\[\s\S])*"|'(?:[^'\\]|\\[\s\S])*'|[{};]|(?:\$\{[^}]{0,256}\}|[^\s;{}\\]|\\[\s\S])+|[\s\S]/g
const KINDS: Readonly<Record<string, Token['kind']>> = { ';': 'end', '{': 'open', '}': 'close' }

function readTokens(text: string): Token[] {
  const tokens: Token[] = []
  let line = 1
  TOKEN.lastIndex = 0
  for (let match = TOKEN.exec(text); match !== null; match = TOKEN.exec(text)) {
    const word = match[0]
    const kind = KINDS[word]
    // What stands between the braces of a Lua block is no configuration.
    const isCode = kind === 'open' && (tokens.findLast(token => token.kind === 'word')?.text.endsWith('_by_lua_block') ?? false)
    if (isCode) {
      const end = endOfCode(text, TOKEN.lastIndex)
      line += countLines(text.slice(TOKEN.lastIndex, end))
      TOKEN.lastIndex = end
      tokens.push({ kind: 'end', text: ';', line })
    } else if (!word.startsWith('#') && word.trim() !== '')
      tokens.push({ kind: kind ?? 'word', text: kind === undefined ? unquoted(word).slice(0, 65_536) : word, line })
    line += countLines(word)
  }
  return tokens
}

/** Where the braces of a piece of Lua close; those in its comments and strings do not count. */
function endOfCode(text: string, from: number): number {
  const parts = /--[^\n]*|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|[{}]/g
  parts.lastIndex = from
  let depth = 1
  for (let part = parts.exec(text); part !== null; part = parts.exec(text)) {
    if (part[0] === '{') depth++
    if (part[0] === '}' && --depth === 0) return parts.lastIndex
  }
  return text.length
}

function countLines(text: string): number {
  let count = 0
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count++
  return count
}
