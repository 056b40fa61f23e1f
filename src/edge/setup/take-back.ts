import { lstatSync, readdirSync, readlinkSync, rmdirSync, statSync, symlinkSync, unlinkSync } from 'node:fs'
import type { Access, FileStep, ServerName, Step } from '../../core/setup/types.ts'
import { takeBack } from '../../core/setup/undo.ts'
import type { Run } from '../run-command.ts'
import { removeWhole } from '../write-whole.ts'
import { accessOf, makeFolder, readText, realPlace, setAccess, writeText } from './files.ts'
import type { Entry, Manifest } from './manifest.ts'

/** Takes what stands in the manifest from `from` on back, the last first, and forgets each entry once it is: what is killed can go on. What somebody
 *  has edited since is left alone. Gives what the admin should know; a step that cannot be taken back does not keep the others from it. */
export async function takeBackFrom(manifest: Manifest, from: number, run: Run): Promise<string[]> {
  const notes = new Map<string, string>()
  for (let entry = manifest.entries().at(-1); entry !== undefined && manifest.entries().length > from; entry = manifest.entries().at(-1)) {
    await noting(entry, notes, () => takeBackOne(entry!, manifest, run))
    manifest.cut(manifest.entries().length - 1)
  }
  return [...notes.values()]
}

/** Makes changes again that takeBackFrom has taken back. */
export async function putBack(
  entries: readonly Entry[],
  { manifest, server, run }: { manifest: Manifest; server: ServerName; run: Run },
): Promise<string[]> {
  const notes = new Map<string, string>()
  for (const entry of entries) {
    manifest.add(server, entry)
    await noting(entry, notes, () => putBackOne(entry, run))
  }
  manifest.finish()
  return [...notes.values()]
}

/** Keeps what a step has to say, or why it failed, once for each path. */
async function noting(entry: Entry, notes: Map<string, string>, work: () => Promise<string | undefined>): Promise<void> {
  const key = 'path' in entry ? entry.path : entry.why
  try {
    const note = await work()
    if (note !== undefined) notes.set(key, note)
  } catch (error) {
    notes.set(key, `this could not be done, and is left to you: ${(error as Error).message}`)
  }
}

async function takeBackOne(entry: Entry, manifest: Manifest, run: Run): Promise<string | undefined> {
  if (entry.kind === 'run') return void (entry.undo === null ? undefined : await run(entry.undo[0], entry.undo.slice(1)))
  if (entry.kind === 'folder') return void removeEmpty(entry.path)
  if (entry.kind === 'link') return void removeLink(entry)
  if (entry.kind === 'log') return takeBackLog(entry)
  if (restore(entry, entry.access)) return undefined
  const kept =
    entry.before === null ? 'remove it if you do not need it' : `what it was before is kept in ${manifest.keep(entry.path, entry.before)}`
  return `${entry.path} was edited since setup wrote it and is left as it is; ${kept}`
}

async function putBackOne(entry: Entry, run: Run): Promise<undefined> {
  if (entry.kind === 'run') await run(entry.run[0], entry.run.slice(1))
  if (entry.kind === 'folder') makeFolder(entry.path, entry.mode)
  if (entry.kind === 'link' && lstatSync(entry.path, { throwIfNoEntry: false }) === undefined) symlinkSync(entry.target, entry.path)
  if (entry.kind === 'log') await run('systemd-tmpfiles', ['--create', entry.rule])
  if (entry.kind === 'file') restore({ ...entry, before: entry.after, after: entry.before })
  return undefined
}

/** Brings a file from `after` to `before`; false when somebody edited it. */
function restore(step: FileStep, access?: Access | null): boolean {
  const restored = takeBack(step, readText(step.path) ?? null)
  if (restored.action === 'write' && restored.text === null) removeWhole(step.path)
  else if (restored.action === 'write') writeText(realPlace(step.path), restored.text!, access ?? { uid: 0, gid: 0, mode: step.mode })
  return restored.action !== 'leave'
}

function takeBackLog({ path, folder, before }: Extract<Step, { kind: 'log' }>): string | undefined {
  if (before.file === null && statSync(path, { throwIfNoEntry: false })?.size === 0) unlinkSync(path)
  if (before.folder === null && removeEmpty(folder)) return undefined
  giveBack(path, before.file)
  giveBack(folder, before.folder)
  return before.file === null && accessOf(path) !== null
    ? `${path} is kept, with what was logged; remove it when you do not need it`
    : undefined
}

function giveBack(path: string, access: Access | null): void {
  if (access !== null && accessOf(path) !== null) setAccess(path, access)
}

function removeEmpty(path: string): boolean {
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return true
  if (readdirSync(path).length > 0) return false
  rmdirSync(path)
  return true
}

function removeLink({ path, target }: Extract<Step, { kind: 'link' }>): void {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() && readlinkSync(path) === target) unlinkSync(path)
}
