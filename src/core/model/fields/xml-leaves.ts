import type { TakeLeaf } from './json-leaves.ts'

/** Deeper than this nobody's documents go. */
const MOST_DEPTH = 512
const SPACE = '[ \\t\\r\\n]'
const NAME = '(?:[A-Za-z_\\x80-\\xff][A-Za-z0-9_.\\-\\x80-\\xff]{0,127}:)?([A-Za-z_\\x80-\\xff][A-Za-z0-9_.\\-\\x80-\\xff]{0,127})'
const DECLARATION = new RegExp(`<\\?xml${SPACE}[^<>]{0,200}\\?>`, 'y')
const OPENING = new RegExp(`<${NAME}`, 'y')
const ATTRIBUTE = new RegExp(`${SPACE}{1,1000}${NAME}${SPACE}{0,100}=${SPACE}{0,100}(?:"([^"<]*)"|'([^'<]*)')`, 'y')
const END_OF_OPENING = new RegExp(`${SPACE}{0,1000}(/?)>`, 'y')
const CLOSING = new RegExp(`</${NAME}${SPACE}{0,100}>`, 'y')
const [CDATA, END_OF_CDATA] = ['<![CDATA[', ']]>']
const [SLASH, OPEN_SIGN] = [47, 60]
/** What a browser or a transformation would run is no data: such a document is looked at as it stands. */
const CODE = { element: /^(?:script|iframe|embed|svg|img)$/i, attribute: /^on[a-z]{3,}$/i, namespace: /\/XSL\/Transform$/ }

/** Reads the leaves of an XML document of plain data in their order, names without their prefixes: texts under the name of their element (empty where it
 *  has none, or begins with another element), attributes under their own, names of namespaces under `xmlns`. False, which may show behind leaves that were taken, when it is none: not well-formed, with
 *  a DTD, comments or instructions, or one with code. Behind the first `most` leaves what follows comes as one, as it stands. Entities stay as
 *  they are. Text has one character a byte. Linear in its length. */
export function readXmlLeaves(text: string, take: TakeLeaf, most = Number.POSITIVE_INFINITY): boolean {
  /** What is open: the names as they stand, and without prefixes. */
  const open: { whole: string; name: string }[] = []
  let at = 0
  let leaves = 0
  /** The element that was opened last has no text yet. */
  let isBare = false
  let isClosed = false

  match(DECLARATION)
  while (at < text.length && leaves < most) {
    const element = open.at(-1)
    if (text.charCodeAt(at) !== OPEN_SIGN) {
      const next = text.indexOf('<', at)
      const found = trimmed(text, at, next < 0 ? text.length : next)
      at = next < 0 ? text.length : next
      if (found === '') continue
      if (element === undefined) return false
      give(element.name, found)
      isBare = false
    } else if (text.startsWith(CDATA, at)) {
      const end = text.indexOf(END_OF_CDATA, at)
      if (end < 0 || element === undefined) return false
      give(element.name, text.slice(at + CDATA.length, end))
      at = end + END_OF_CDATA.length
      isBare = false
    } else if (text.charCodeAt(at + 1) === SLASH) {
      if (element === undefined || !text.startsWith(element.whole, at + 2) || match(CLOSING)?.[1] !== element.name) return false
      close(element.name)
    } else if (isClosed || !readOpening()) return false
  }
  if (at < text.length) take('', text.slice(at))
  return at < text.length || isClosed

  function readOpening(): boolean {
    const [whole, name] = match(OPENING) ?? []
    if (whole === undefined || name === undefined || open.length === MOST_DEPTH || CODE.element.test(name)) return false
    if (isBare) give(open.at(-1)!.name, '')
    open.push({ whole: whole.slice(1), name })
    isBare = true
    while (leaves < most) {
      const found = match(ATTRIBUTE)
      if (found === null) {
        const end = match(END_OF_OPENING)
        if (end?.[1] === '/') close(name)
        return end !== null
      }
      const isNamespace = found[0].trimStart().startsWith('xmlns')
      const value = found[2] ?? found[3]!
      if (isNamespace ? CODE.namespace.test(value) : CODE.attribute.test(found[1]!)) return false
      give(isNamespace ? 'xmlns' : found[1]!, value)
    }
    return true
  }

  function close(name: string): void {
    if (isBare) give(name, '')
    isBare = false
    open.pop()
    isClosed = open.length === 0
  }

  function give(name: string, value: string): void {
    take(name, value)
    leaves++
  }

  function match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = at
    const found = pattern.exec(text)
    if (found !== null) at = pattern.lastIndex
    return found
  }
}

/** Gives a piece of a text without the blanks of XML around it; bytes of other characters, as of `à`, are none. */
function trimmed(text: string, from: number, to: number): string {
  let [start, end] = [from, to]
  while (start < end && isBlank(text.charCodeAt(start))) start++
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

function isBlank(code: number): boolean {
  return code === 32 || code === 10 || code === 13 || code === 9
}
