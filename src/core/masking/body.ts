import { createListWatch, isSecretName, maskTokensToShape, maskValue } from './secrets.ts'
import { shapeOf } from './shape.ts'

/** Masks a body by what it looks like, whatever its Content-Type says: JSON, multipart, XML, or a form. */
export function maskBody(body: string, contentType: string): string {
  const first = /\S/.exec(body.slice(0, 1024))?.[0]
  if (first === '<') return maskXml(body)
  // Of XML ModSecurity 2 gives the text alone: nothing says which of it is secret.
  if (/[/+]xml\b/i.test(contentType)) return shapeOf(body)
  if (first === '{' || first === '[' || first === '"') return maskJson(body)
  const boundary = /^--[^\r\n]{1,200}/.exec(body)?.[0]
  if (boundary !== undefined && (contentType.includes(boundary.slice(2)) || /^--\S+\r?\ncontent-/i.test(body)))
    return body.split(boundary).map(maskPart).join(boundary)
  return maskPairs(body, contentType.toLowerCase().startsWith('text/plain') ? '\n' : '&')
}

/** Masks `name=value` pairs; what is no pair is masked like a value without a name. */
export function maskPairs(text: string, separator: string): string {
  const isListed = createListWatch()
  const maskPair = (pair: string): string => {
    const equals = pair.indexOf('=')
    if (equals < 0) return maskValue(pair, false)
    const name = pair.slice(0, equals)
    const value = pair.slice(equals + 1)
    return `${maskTokensToShape(name)}=${maskValue(value, isListed(name, value) || isSecretName(name))}`
  }
  return text.split(separator).map(maskPair).join(separator)
}

const JSON_PIECE = /"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?$)|[{}[\],]|[^"{}[\],\s:]+/gs

// No parser: what is broken or cut off must be masked too. A secret name covers its whole value, however deep.
function maskJson(text: string, isSecret = false): string {
  let depth = 0
  let secretDepth = isSecret ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  let isAfterSecret = false
  let key = ''
  const isListed = createListWatch()
  return text.replace(JSON_PIECE, (piece: string, at: number) => {
    if (piece === '{' || piece === '[') {
      if (isAfterSecret && secretDepth > depth) secretDepth = depth
      isAfterSecret = false
      depth++
      return piece
    }
    if (piece === '}' || piece === ']') {
      depth--
      if (depth === secretDepth) secretDepth = Number.POSITIVE_INFINITY
      isAfterSecret = false
      return piece
    }
    if (piece === ',') {
      isAfterSecret = false
      return piece
    }
    const isString = piece.startsWith('"')
    if (isString && isFollowedByColon(text, at + piece.length)) {
      isAfterSecret = isSecretName(piece)
      key = piece
      return maskTokensToShape(piece)
    }
    if (!isString && /^(?:true|false|null)$/.test(piece)) return piece
    const masked = maskValue(piece, isListed(key, piece) || isAfterSecret || depth > secretDepth)
    // 00 is no number in JSON.
    return masked !== piece && /^[\d.eE+-]+$/.test(piece) ? piece.replace(/\d/g, '1') : masked
  })
}

function isFollowedByColon(text: string, at: number): boolean {
  while (text[at] === ' ' || text[at] === '\t' || text[at] === '\n' || text[at] === '\r') at++
  return text[at] === ':'
}

function maskXml(text: string): string {
  // An XML-RPC call names none of its values: all text between tags goes, and so do the secret attributes.
  return text
    .replace(/<!\[CDATA\[(.*?)(?=\]\]>|$)/gs, (_, content: string) => `<![CDATA[${shapeOf(content)}`)
    .replace(/>[^<]+/g, between => shapeOf(between))
    .replace(/([\w:.-]{1,64})(\s?=\s?)("[^"<]*|'[^'<]*)/g, (_, name: string, equals: string, value: string) => {
      return `${name}${equals}${maskValue(value, isSecretName(name))}`
    })
}

function maskPart(part: string): string {
  const end = /\r?\n\r?\n/.exec(part)
  if (end === null) return maskTokensToShape(part)
  const head = part.slice(0, end.index)
  const name = /\bname\s?=\s?"?([^"\r\n;]*)/i.exec(head)?.[1] ?? ''
  const content = part.slice(end.index)
  const isSecret = isSecretName(name)
  const masked = /^\s*[{[]/.test(content) ? maskJson(content, isSecret) : maskValue(content, isSecret)
  return maskHead(head, isSecret) + masked
}

/** The name of a file is a value like any other. */
function maskHead(head: string, isSecret: boolean): string {
  const masked = head.replace(/(\bfilename\*?\s?=\s?)("(?:[^"\\\r\n]|\\.)*"?|[^";\r\n]+)/gi, (_, start: string, name: string) => {
    return start + maskValue(name, isSecret)
  })
  return maskTokensToShape(masked)
}
