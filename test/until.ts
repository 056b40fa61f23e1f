import { setTimeout as pause } from 'node:timers/promises'

/** Waits until `look` gives something true, and gives that; throws what it waited for after `limit` ms. */
export async function until<T>(what: string, look: () => T | Promise<T>, limit = 30_000): Promise<NonNullable<T>> {
  const deadline = Date.now() + limit
  for (;;) {
    const found = await look()
    if (found) return found
    if (Date.now() > deadline) throw new Error(`waited ${limit} ms in vain until ${what}`)
    await pause(20)
  }
}
