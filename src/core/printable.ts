/** Writes every character that is not printable ASCII as `\xNN` or `\uNNNN`, the `…` that stands for what we left out as three points, and cuts at
 *  `limit` characters, for a terminal or a journal. */
export function printable(text: string, limit = 256): string {
  const escaped = text.slice(0, limit).replace(/[^\x20-\x7e]/g, escapeCharacter)
  return escaped.length <= limit && text.length <= limit ? escaped : `${escaped.slice(0, limit - 3)}...`
}

function escapeCharacter(character: string): string {
  if (character === '…') return '...'
  const code = character.charCodeAt(0)
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`
}
