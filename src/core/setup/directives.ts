import type { Directive } from './types.ts'

/** Sections of Apache that say for whom a directive holds; <IfModule> and the like only ask whether it does. */
const TRANSPARENT = /^(?:ifmodule|ifdefine|ifversion|ifdirective|iffile|ifsection)$/

/** Reads the directives of a file of Apache, or of ModSecurity's rules. */
export function apacheDirectives(file: string, text: string): Directive[] {
  const found: Directive[] = []
  const sections: string[] = []
  for (const { line, content } of logicalLines(text)) {
    const open = /^<\s*(\w+)/.exec(content)
    if (content.startsWith('</')) sections.pop()
    else if (open !== null) sections.push(open[1]!.toLowerCase())
    else {
      const [name, ...args] = words(content)
      const section = sections.findLast(one => !TRANSPARENT.test(one))
      if (name !== undefined) found.push({ name: name.toLowerCase(), args, section, file, line })
    }
  }
  return found
}

/** Reads the directives of a file of nginx. Blocks of Lua are passed over. */
export function nginxDirectives(file: string, text: string): Directive[] {
  const found: Directive[] = []
  const sections: string[] = []
  let args: string[] = []
  let begun = 1
  for (const { token, line, isQuoted } of nginxTokens(text)) {
    if (!isQuoted && (token === ';' || token === '{')) {
      const [name, ...rest] = args
      args = []
      if (name !== undefined) found.push({ name: name.toLowerCase(), args: rest, section: sections.at(-1), file, line: begun })
      if (token === '{') sections.push(name?.toLowerCase() ?? '')
    } else if (!isQuoted && token === '}') {
      args = []
      sections.pop()
    } else {
      if (args.length === 0) begun = line
      args.push(token)
    }
  }
  return found
}

/** Takes what `nginx -T` prints apart: the files in their order, each once. */
export function dumpedFiles(dump: string): { path: string; text: string }[] {
  const parts = dump.split(/^# configuration file (\/.+):$/m).slice(1)
  const files = new Map<string, string>()
  for (let index = 0; index + 1 < parts.length; index += 2) if (!files.has(parts[index]!)) files.set(parts[index]!, parts[index + 1]!)
  return [...files].map(([path, text]) => ({ path, text: text.replace(/^\n/, '') }))
}

function logicalLines(text: string): { line: number; content: string }[] {
  const lines: { line: number; content: string }[] = []
  let open: { line: number; content: string } | undefined
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    open ??= { line: index + 1, content: '' }
    const isContinued = raw.endsWith('\\')
    open.content += isContinued ? raw.slice(0, -1) : raw
    if (isContinued) continue
    lines.push({ line: open.line, content: open.content.trim() })
    open = undefined
  }
  return lines.filter(({ content }) => content !== '' && !content.startsWith('#'))
}

function words(text: string): string[] {
  return [...text.matchAll(/"((?:\\.|[^"\\])*)"|'((?:\\.|[^'\\])*)'|(\S+)/g)].map(match => match[1] ?? match[2] ?? match[3]!)
}

type Token = { token: string; line: number; isQuoted: boolean }

function* nginxTokens(text: string): Generator<Token> {
  const pattern =
    /#[^\n]*|"((?:\\.|[^"\\])*)"|'((?:\\.|[^'\\])*)'|(\w+_by_lua_block\s*\{)|([;{}])|((?:\$\{[^}]*\}|\\.|[^\s;{}#"'])(?:\$\{[^}]*\}|\\.|[^\s;{}])*)/g
  let line = 1
  let counted = 0
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    line += newlines(text, counted, match.index)
    counted = match.index
    const [whole, double, single, lua, mark, word] = match
    if (lua !== undefined) pattern.lastIndex = endOfBlock(text, pattern.lastIndex)
    else if (mark !== undefined) yield { token: mark, line, isQuoted: false }
    else if (!whole.startsWith('#')) yield { token: double ?? single ?? word!, line, isQuoted: word === undefined }
  }
}

function endOfBlock(text: string, from: number): number {
  let depth = 1
  for (let index = from; index < text.length; index++) {
    if (text[index] === '{') depth++
    if (text[index] === '}' && --depth === 0) return index + 1
  }
  return text.length
}

function newlines(text: string, from: number, to: number): number {
  let count = 0
  for (let index = from; index < to; index++) if (text.charCodeAt(index) === 10) count++
  return count
}
