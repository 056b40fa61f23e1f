import type { Piece } from './split.ts'

/** What is known of a native entry that may yet turn out tampered with. */
export type Doubt = {
  boundary: string
  start: number
  /** Its parts A and B. */
  outline: Piece | undefined
  /** The text of its part A. */
  partA: string
  /** File offset behind which the doubt is over; undefined when only `patience` bytes end it. */
  until: number | undefined
}

export type Waiting = {
  /** Gives a piece out behind everything that waits. */
  add(piece: Piece): void
  /** Makes pieces, and all that come behind them, wait until the doubt is over. */
  hold(pieces: readonly Piece[], doubt: Doubt): void
  /** What waits with `boundary`. */
  doubts(boundary: string): readonly Doubt[]
  /** Takes back everything from the first piece that waits with `boundary` on. */
  takeBack(boundary: string): Doubt | undefined
  /** Ends the doubt about what waits with `boundary`. */
  trust(boundary: string): void
  /** Ends the doubts that are over now that everything up to `offset` has been seen, but not those with the boundary of the entry that is open:
   *  its headings may be those that were waited for. */
  pass(offset: number, open: string | undefined): void
  /** Ends every doubt about pieces that end at or before `offset`. */
  settle(offset: number): void
  /** File offset of the first piece that waits. */
  start(): number | undefined
  isEmpty(): boolean
}

type Item = { pieces: readonly Piece[]; doubt: Doubt | undefined }

/** Makes a line in which pieces wait in the order of the file. Only pieces behind a doubt wait, all others go straight to `give`. */
export function createWaiting(give: (piece: Piece) => void, patience: number): Waiting {
  let line: Item[] = []
  /** Items before this one have been given out. */
  let head = 0
  const doubted = new Map<string, Doubt[]>()

  function remember(doubt: Doubt) {
    const doubts = doubted.get(doubt.boundary)
    if (doubts) doubts.push(doubt)
    else doubted.set(doubt.boundary, [doubt])
  }

  function forget(doubt: Doubt) {
    const left = (doubted.get(doubt.boundary) ?? []).filter(other => other !== doubt)
    if (left.length > 0) doubted.set(doubt.boundary, left)
    else doubted.delete(doubt.boundary)
  }

  function release() {
    for (let item = line[head]; item && !item.doubt; item = line[head]) {
      head += 1
      for (const piece of item.pieces) give(piece)
    }
    if (head === line.length || head > 1024) {
      line = line.slice(head)
      head = 0
    }
  }

  function trust(item: Item) {
    if (item.doubt) forget(item.doubt)
    item.doubt = undefined
  }

  function trustWhile(isOver: (item: Item) => boolean) {
    let at = head
    for (; at < line.length && isOver(line[at]!); at += 1) trust(line[at]!)
    if (at > head) release()
  }

  return {
    add(piece) {
      if (head === line.length) give(piece)
      else line.push({ pieces: [piece], doubt: undefined })
    },
    hold(pieces, doubt) {
      line.push({ pieces, doubt })
      remember(doubt)
    },
    doubts: boundary => doubted.get(boundary) ?? [],
    takeBack(boundary) {
      const at = doubted.has(boundary) ? line.findIndex(({ doubt }, index) => index >= head && doubt?.boundary === boundary) : -1
      if (at < 0) return undefined
      const taken = line.splice(at)
      for (const { doubt } of taken) if (doubt) forget(doubt)
      return taken[0]!.doubt
    },
    trust(boundary) {
      for (let at = head; at < line.length; at += 1) if (line[at]!.doubt?.boundary === boundary) trust(line[at]!)
      release()
    },
    pass: (offset, open) =>
      trustWhile(
        ({ doubt, pieces }) => (doubt === undefined || doubt.boundary !== open) && offset >= (doubt?.until ?? endOf(pieces) + patience),
      ),
    settle: offset => trustWhile(item => endOf(item.pieces) <= offset),
    start: () => line[head]?.pieces[0]?.start,
    isEmpty: () => head === line.length,
  }
}

function endOf(pieces: readonly Piece[]): number {
  return pieces.at(-1)?.end ?? 0
}
