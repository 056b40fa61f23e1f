import type { HttpRequest } from '../../types.ts'

/** A request of the sample, packed. `counts`: its host has enough requests for the model to score it; others go to the base model. */
export type SampleRow = { packed: Buffer; fold: number; counts: boolean }

/** So many requests, chosen by chance, are measured for forest and scale; and of at most so many bytes. */
const MOST_ROWS = 40_000
const MOST_BYTES = 128 * 2 ** 20

/** Makes a sample that is fair to all that is offered (Vitter 1985, algorithm R), in the order of the offers; fewer when they are large. Requests are kept as
 *  bytes: as objects they take twice the memory, and all of it has to be looked through whenever memory is tidied up. */
export function createRowSample(random: () => number) {
  const kept: (SampleRow & { place: number })[] = []
  let offered = 0
  let bytes = 0
  let most = MOST_ROWS
  return {
    offer(request: HttpRequest, fold: number, counts: boolean): void {
      const place = offered++
      const slot = kept.length < most ? kept.length : Math.floor(random() * offered)
      if (slot >= most) return
      const row = { packed: pack(request), fold, counts, place }
      bytes += row.packed.length - (kept[slot]?.packed.length ?? 0)
      kept[slot] = row
      // Too many bytes: the sample gets smaller for good, by rows chosen by chance.
      while (bytes > MOST_BYTES && kept.length > 1) {
        const [dropped] = kept.splice(Math.floor(random() * kept.length), 1)
        bytes -= dropped!.packed.length
        most = kept.length
      }
    },
    chosen: (): readonly SampleRow[] => kept.sort((a, b) => a.place - b.place),
  }
}

/** Gives the request of a row. */
export function requestOf({ packed }: SampleRow): HttpRequest {
  const request = JSON.parse(packed.toString()) as Omit<HttpRequest, 'body'> & { body?: string }
  return { ...request, body: request.body }
}

function pack(request: HttpRequest): Buffer {
  const text = JSON.stringify(request)
  const packed = Buffer.allocUnsafeSlow(Buffer.byteLength(text))
  packed.write(text)
  return packed
}
