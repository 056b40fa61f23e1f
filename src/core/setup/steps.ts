import type { Facts, FileStep, Part } from './types.ts'

type Wanted = { path: string; text: string; why: string; mode?: number; shipped?: string }

/** Plans that a file of ours says `text`: nothing where it does already, a note where an admin has changed what we wrote. */
export function wholeFile(facts: Facts, wanted: Wanted): Part {
  const before = facts.read(wanted.path) ?? null
  if (before === wanted.text) return {}
  const ours = facts.written.get(wanted.path)
  // An interrupted run may have noted the change and not made it.
  if (before !== null && ours !== undefined && ours.after !== before && ours.before !== before)
    return { notes: [`${wanted.path} was edited since setup wrote it and is left as it is; remove it and run this again for a new one`] }
  return { steps: [fileStep(wanted, before, wanted.text, false)] }
}

/** Plans that a file that belongs to others has our block in it, which says `text`. */
export function blockIn(facts: Facts, wanted: Wanted): Part {
  const before = facts.read(wanted.path) ?? null
  const after = withBlock(before ?? '', wanted.text)
  return before === after ? {} : { steps: [fileStep(wanted, before, after, true)] }
}

/** Plans that a file is gone. */
export function removal(facts: Facts, path: string, why: string): Part {
  const before = facts.read(path)
  return before === undefined ? {} : { steps: [{ kind: 'file', path, before, after: null, mode: 0o644, block: false, why }] }
}

/** Joins what several subjects ask for. */
export function join(parts: readonly Part[]): Required<Part> {
  return {
    steps: parts.flatMap(part => part.steps ?? []),
    starts: parts.flatMap(part => part.starts ?? []),
    notes: parts.flatMap(part => part.notes ?? []),
    problems: parts.flatMap(part => part.problems ?? []),
  }
}

const BEGIN = '# begin: modwarden setup (modwarden setup --undo takes it away)'
const END = '# end: modwarden setup'

/** Gives the text with our block at its end, or changed where it is; without one for `undefined`. */
export function withBlock(text: string, block: string | undefined): string {
  const body = block?.replace(/\n$/, '')
  const { lines, from, to } = findBlock(text)
  if (blockOf(text) === body) return text
  const ours = body === undefined ? [] : [BEGIN, ...body.split('\n'), END]
  if (from >= 0 && to > from) return lines.toSpliced(from, to - from + 1, ...ours).join('\n')
  return `${text === '' || text.endsWith('\n') ? text : `${text}\n`}${ours.join('\n')}\n`
}

/** Gives what our block says; undefined where there is none. */
export function blockOf(text: string): string | undefined {
  const { lines, from, to } = findBlock(text)
  return from >= 0 && to > from
    ? lines
        .slice(from + 1, to)
        .join('\n')
        .replaceAll('\r', '')
    : undefined
}

// An editor may have given the file the line ends of another system.
function findBlock(text: string): { lines: string[]; from: number; to: number } {
  const lines = text.split('\n')
  const at = (mark: string) => lines.findIndex(line => line.replace(/\r$/, '') === mark)
  return { lines, from: at(BEGIN), to: at(END) }
}

function fileStep({ path, why, mode = 0o644, shipped }: Wanted, before: string | null, after: string, block: boolean): FileStep {
  return { kind: 'file', path, before, after, mode, block, why, ...(shipped === undefined ? {} : { shipped }) }
}
