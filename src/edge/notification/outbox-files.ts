import { constants } from 'node:fs'
import { open, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { MOST_BYTES, readName } from '../../core/notification/message.ts'
import { UNFINISHED } from '../write-whole.ts'

/** For the group: the folder gives its files to the group of modwarden-notify, which reads and removes them under another user. */
const MODE = 0o640

/** The files of the outbox. Everything throws when the folder cannot be used. */
export type OutboxFiles = {
  /** The names of the messages in their order. */
  list(): Promise<string[]>
  read(name: string): Promise<string>
  /** Writes a message so that nobody sees half of it. */
  put(name: string, text: string): Promise<void>
  /** Removes a message; one that is gone already is no failure. */
  remove(name: string): Promise<void>
  /** Removes what a writer that died left unfinished. */
  tidy(): Promise<void>
}

/** Opens the outbox in a folder. Nothing here makes the event loop wait, and nothing waits for the disk's platter: after a loss of power the last messages
 *  may be missing or empty, and the journal has them. */
export function openOutboxFiles(folder: string): OutboxFiles {
  return {
    async list() {
      const entries = await readdir(folder, { withFileTypes: true })
      return entries.flatMap(entry => (entry.isFile() && readName(entry.name) !== undefined ? entry.name : [])).sort()
    },

    async read(name) {
      // Neither a link to elsewhere nor a pipe that nobody writes to.
      const file = await open(join(folder, name), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
      try {
        const { buffer, bytesRead } = await file.read(Buffer.alloc(MOST_BYTES + 1), 0, MOST_BYTES + 1, 0)
        if (bytesRead > MOST_BYTES) throw new Error(`${name} is longer than ${MOST_BYTES} bytes`)
        return buffer.toString('utf8', 0, bytesRead)
      } finally {
        await file.close()
      }
    },

    async put(name, text) {
      const unfinished = join(folder, `.${name}.new`)
      try {
        await write(unfinished, text)
        await rename(unfinished, join(folder, name))
      } catch (error) {
        await rm(unfinished, { force: true }).catch(() => {})
        throw error
      }
    },

    remove: name => rm(join(folder, name), { force: true }),

    async tidy() {
      for (const name of await readdir(folder)) if (UNFINISHED.test(name)) await rm(join(folder, name), { force: true })
    },
  }
}

async function write(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', MODE)
  try {
    await file.writeFile(text)
    // Whatever the umask.
    await file.chmod(MODE)
  } finally {
    await file.close()
  }
}
