import { statfsSync } from 'node:fs'
import type { Disk } from '../../core/doctor/facts.ts'

/** Gives the free room of the file system that holds a path; undefined when that is not there. */
export function diskOf(path: string): Disk | undefined {
  try {
    const { bsize, blocks, bavail, files, ffree } = statfsSync(path)
    return { bytes: bsize * blocks, bytesFree: bsize * bavail, filesFree: files === 0 ? undefined : ffree }
  } catch {
    return undefined
  }
}
