type Line = { sign: ' ' | '-' | '+'; text: string }

const CONTEXT = 3

/** Writes how two texts differ as a unified diff without its head; nothing when they do not. */
export function unifiedDiff(before: string, after: string): string[] {
  const lines = compare(toLines(before), toLines(after))
  const changed = lines.flatMap((line, index) => (line.sign === ' ' ? [] : [index]))
  const out: string[] = []
  let at = 0
  while (at < changed.length) {
    let end = at
    while (end + 1 < changed.length && changed[end + 1]! - changed[end]! <= 2 * CONTEXT) end++
    const [from, to] = [Math.max(0, changed[at]! - CONTEXT), Math.min(lines.length, changed[end]! + CONTEXT + 1)]
    out.push(head(lines, from, to), ...lines.slice(from, to).map(line => line.sign + line.text))
    at = end + 1
  }
  return out
}

function toLines(text: string): string[] {
  return text === '' ? [] : text.replace(/\n$/, '').split('\n')
}

function head(lines: readonly Line[], from: number, to: number): string {
  const range = (sign: '-' | '+') => {
    const before = lines.slice(0, from).filter(line => line.sign === ' ' || line.sign === sign).length
    const count = lines.slice(from, to).filter(line => line.sign === ' ' || line.sign === sign).length
    return `${sign}${count === 0 ? before : before + 1},${count}`
  }
  return `@@ ${range('-')} ${range('+')} @@`
}

/** The longest common subsequence, once what is the same at both ends is set aside; files of settings are small. */
function compare(a: readonly string[], b: readonly string[]): Line[] {
  let start = 0
  while (start < a.length && start < b.length && a[start] === b[start]) start++
  let end = 0
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++
  const [x, y] = [a.slice(start, a.length - end), b.slice(start, b.length - end)]
  const same = (text: string): Line => ({ sign: ' ', text })
  return [...a.slice(0, start).map(same), ...middle(x, y), ...a.slice(a.length - end).map(same)]
}

function middle(x: readonly string[], y: readonly string[]): Line[] {
  const lengths = Array.from({ length: x.length + 1 }, () => new Uint16Array(y.length + 1))
  for (let i = x.length - 1; i >= 0; i--)
    for (let j = y.length - 1; j >= 0; j--)
      lengths[i]![j] = x[i] === y[j] ? lengths[i + 1]![j + 1]! + 1 : Math.max(lengths[i + 1]![j]!, lengths[i]![j + 1]!)
  const lines: Line[] = []
  let [i, j] = [0, 0]
  while (i < x.length || j < y.length) {
    if (i < x.length && j < y.length && x[i] === y[j]) {
      lines.push({ sign: ' ', text: x[i]! })
      i++
      j++
    } else if (i < x.length && (j >= y.length || lengths[i + 1]![j]! >= lengths[i]![j + 1]!)) lines.push({ sign: '-', text: x[i++]! })
    else lines.push({ sign: '+', text: y[j++]! })
  }
  return lines
}
