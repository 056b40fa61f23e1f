import { type Labels, readRequestLine } from '../core/training/json-line.ts'
import type { HttpRequest } from '../core/types.ts'
import { MOST_LINE, readBytes, readLines, unpacked } from '../edge/read-lines.ts'

/** One line of a file of requests; `label` 1 marks an attack, 0 a clean one, undefined when it does not say. */
export type RequestLine = { file: string; line: number } & (
  | { ok: true; request: HttpRequest; label: Labels['label'] | undefined }
  | { ok: false; problem: string }
)

/** Reads requests from JSON lines (packed with gzip or zstd too; no file: stdin), one after the other. A line that is no request comes back as a problem;
 *  empty lines are passed over. Throws when a file cannot be read. */
export async function* readRequests(files: readonly string[]): AsyncGenerator<RequestLine> {
  for (const file of files.length === 0 ? ['-'] : files) {
    try {
      for await (const lines of readLines(unpacked(readBytes(file)), { encoding: 'utf8' })) {
        for (const { number, text } of lines) {
          if (text === undefined) yield { file, line: number, ok: false, problem: `is longer than ${MOST_LINE} bytes` }
          else if (text.trim() !== '') yield { file, line: number, ...toRequest(text) }
        }
      }
    } catch (error) {
      throw new Error(`cannot read ${file}: ${(error as Error).message}`, { cause: error })
    }
  }
}

function toRequest(text: string) {
  const read = readRequestLine(text)
  return read.ok ? ({ ok: true, request: read.value.request, label: read.value.labels.label } as const) : read
}
