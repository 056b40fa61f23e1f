import { readFileSync, renameSync, statSync } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { toHttpRequest } from '../../core/model/request.ts'
import { hostOf } from '../../core/scoring/clean-line.ts'
import type { Reservoir } from '../../core/scoring/reservoir.ts'

const SAMPLES = 'clean.jsonl'
const MOST_BYTES = 256 * 1024 * 1024
const CHUNK = 256 * 1024

/** Gives the path of the samples in the scoring server's state folder. */
export function samplesPath(stateDir: string): string {
  return join(stateDir, SAMPLES)
}

/** Puts the samples that an earlier process left into the reservoir. Gives what is wrong with the file, if anything: then it was renamed to
 *  `….damaged`, and the lines that could be read were taken all the same. */
export function loadReservoir(path: string, reservoir: Reservoir): string | undefined {
  let broken = 0
  try {
    const found = statSync(path, { throwIfNoEntry: false })
    if (found === undefined) return undefined
    if (!found.isFile() || found.size > MOST_BYTES) return setAside(path, 'is no file of samples')
    for (const line of readFileSync(path, 'utf8').split('\n')) {
      if (line !== '' && !take(line, reservoir)) broken++
    }
  } catch (error) {
    return setAside(path, (error as Error).message)
  }
  return broken === 0 ? undefined : setAside(path, `has ${broken} lines that are no requests`)
}

function take(line: string, reservoir: Reservoir): boolean {
  try {
    const request = toHttpRequest(JSON.parse(line))
    if (!request.ok) return false
    reservoir.restore(hostOf(request.value), line)
    return true
  } catch {
    return false
  }
}

function setAside(path: string, problem: string): string {
  renameSync(path, `${path}.damaged`)
  return `${path} ${problem}; it was renamed to ${path}.damaged`
}

/** Writes the samples beside the old file, piece by piece so that no request waits, and puts them in its place: nobody sees half of them. */
export async function saveReservoir(path: string, reservoir: Reservoir): Promise<void> {
  const mine = `${path}.new`
  // Readable for the group: the daemon's user trains with it.
  const file = await open(mine, 'w', 0o640)
  try {
    let piece = ''
    for (const line of reservoir.lines()) {
      piece += `${line}\n`
      if (piece.length < CHUNK) continue
      await file.write(piece)
      piece = ''
    }
    await file.write(piece)
    await file.chmod(0o640)
    await file.sync()
  } catch (error) {
    await rm(mine, { force: true })
    throw error
  } finally {
    await file.close()
  }
  await rename(mine, path)
}
