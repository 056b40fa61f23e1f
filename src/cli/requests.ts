import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { toHttpRequest } from '../core/model/request.ts'
import type { HttpRequest } from '../core/types.ts'

const MOST_LINE = 16 * 1024 * 1024

/** One line of a file of requests; `label` 1 marks an attack, 0 a clean one, undefined when it does not say. */
export type RequestLine = { file: string; line: number } & (
  | { ok: true; request: HttpRequest; label: number | undefined }
  | { ok: false; problem: string }
)

/** Reads requests from JSON lines (.gz too; no file: stdin), one after the other. A line that is no request comes back as a problem; empty lines are
 *  passed over. Throws when a file cannot be read. */
export async function* readRequests(files: readonly string[]): AsyncGenerator<RequestLine> {
  for (const file of files.length === 0 ? ['-'] : files) {
    let line = 0
    for await (const text of readLines(file)) {
      line++
      if (text === undefined) yield { file, line, ok: false, problem: `is longer than ${MOST_LINE} bytes` }
      else if (text.trim() !== '') yield { file, line, ...readLine(text) }
    }
  }
}

function readLine(text: string): { ok: true; request: HttpRequest; label: number | undefined } | { ok: false; problem: string } {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return { ok: false, problem: 'is no JSON' }
  }
  const request = toHttpRequest(value)
  if (!request.ok) return request
  const label = (value as { label?: unknown }).label
  return { ok: true, request: request.value, label: typeof label === 'number' ? label : undefined }
}

/** Gives the lines of a file; undefined in place of one that is too long. */
async function* readLines(file: string): AsyncGenerator<string | undefined> {
  let parts: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of bytesOf(file)) {
      let start = 0
      for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
        size += end - start
        yield size > MOST_LINE ? undefined : Buffer.concat([...parts, chunk.subarray(start, end)]).toString('utf8')
        parts = []
        size = 0
        start = end + 1
      }
      size += chunk.length - start
      // Beyond the limit nothing is kept but the count.
      parts = size > MOST_LINE ? [] : [...parts, chunk.subarray(start)]
    }
  } catch (error) {
    throw new Error(`cannot read ${file}: ${(error as Error).message}`, { cause: error })
  }
  if (size > 0) yield size > MOST_LINE ? undefined : Buffer.concat(parts).toString('utf8')
}

function bytesOf(file: string): AsyncIterable<Buffer> {
  const source = file === '-' ? process.stdin : createReadStream(file)
  return file.endsWith('.gz') ? pipeline(source, createGunzip(), () => {}) : source
}
