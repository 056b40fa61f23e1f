import { createInterface } from 'node:readline/promises'

/** Says whether there is somebody to ask. */
export function isAsking(): boolean {
  return process.stdin.isTTY === true && process.stdout.isTTY === true
}

/** Asks a question that only a clear yes agrees to. */
export async function askAdmin(question: string): Promise<boolean> {
  const lines = createInterface({ input: process.stdin, output: process.stdout })
  try {
    // The end of the input is no yes.
    const answer = await Promise.race([
      lines.question(`${question} [y/N] `),
      new Promise<string>(resolve => lines.once('close', () => resolve(''))),
    ])
    return /^y(?:es)?$/i.test(answer.trim())
  } finally {
    lines.close()
  }
}
