import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { readFeedLine } from '../core/feed.ts'

const MOST_BYTES = 16 * 1024 * 1024
const MOST_ADDRESSES = 100_000

export type Feed = { networks: string[]; problems: { line: number; problem: string }[] }

/** Reads a list of addresses from a file (.gz too; '-': stdin): each once, and what of it is none. Throws when it cannot be read, or is longer than 16 MiB or
 *  100,000 addresses: then something else came than was expected, and nothing of it may be used. */
export async function readFeed(path: string): Promise<Feed> {
  const networks = new Set<string>()
  const problems: Feed['problems'] = []
  for (const [index, text] of (await readText(path)).split('\n').entries()) {
    const read = readFeedLine(text)
    if (read === undefined) continue
    if (read.ok) networks.add(read.value)
    else problems.push({ line: index + 1, problem: read.problem })
    if (networks.size > MOST_ADDRESSES) throw new Error(`${path} holds more than ${MOST_ADDRESSES} addresses; nothing was imported`)
  }
  return { networks: [...networks], problems }
}

async function readText(path: string): Promise<string> {
  const source = path === '-' ? process.stdin : createReadStream(path)
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of path.endsWith('.gz') ? pipeline(source, createGunzip(), () => {}) : source) {
      size += chunk.length
      if (size > MOST_BYTES) throw new Error(`it is longer than ${MOST_BYTES} bytes; nothing was imported`)
      chunks.push(chunk as Buffer)
    }
  } catch (error) {
    throw new Error(`cannot read ${path}: ${(error as Error).message}`, { cause: error })
  }
  return Buffer.concat(chunks).toString('latin1')
}
