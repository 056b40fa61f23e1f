import { chownSync, existsSync, lstatSync, readlinkSync, symlinkSync } from 'node:fs'
import type { Access, ServerName, Step } from '../../core/setup/types.ts'
import type { Run } from '../run-command.ts'
import { removeWhole } from '../write-whole.ts'
import { accessOf, makeFolder, missingFolders, readText, realPlace, writeText } from './files.ts'
import type { Manifest } from './manifest.ts'

const ROOTS: Omit<Access, 'mode'> = { uid: 0, gid: 0 }

/** Makes the changes of steps in order, each once it stands in the manifest. Throws at the first that fails, or whose file is not what it was. */
export async function applySteps(
  steps: readonly Step[],
  { manifest, server, run }: { manifest: Manifest; server: ServerName; run: Run },
): Promise<void> {
  for (const step of steps) {
    const path = step.kind === 'file' ? realPlace(step.path) : 'path' in step ? step.path : undefined
    for (const folder of path === undefined || step.kind === 'log' ? [] : missingFolders(path)) {
      manifest.add(server, { kind: 'folder', path: folder, mode: 0o755, why: `Make the folder ${folder}` })
      makeFolder(folder, 0o755)
    }
    if (step.kind === 'file') refuseChanged(step.path, step.before)
    // What is there already must not be taken back.
    if (step.kind === 'link' && isLink(step)) continue
    manifest.add(server, step.kind === 'file' ? { ...step, access: accessOf(step.path) } : step)
    await perform(step, run)
  }
}

async function perform(step: Step, run: Run): Promise<void> {
  if (step.kind === 'folder') return makeFolder(step.path, step.mode)
  if (step.kind === 'link') return symlinkSync(step.target, step.path)
  if (step.kind === 'log') return makeLog(step, run)
  if (step.kind === 'run') return void (await run(step.run[0], step.run.slice(1)))
  if (step.after === null) return removeWhole(step.path)
  writeText(realPlace(step.path), step.after, { ...ROOTS, mode: step.mode })
}

async function makeLog(step: Extract<Step, { kind: 'log' }>, run: Run): Promise<void> {
  // Of a folder that somebody else owns, systemd-tmpfiles would not trust the way to the log.
  if (existsSync(step.folder)) chownSync(step.folder, 0, 0)
  await run('systemd-tmpfiles', ['--create', step.rule])
}

function refuseChanged(path: string, before: string | null): void {
  if ((readText(path) ?? null) !== before) throw new Error(`${path} has changed meanwhile; run this again`)
}

function isLink({ path, target }: { path: string; target: string }): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true && readlinkSync(path) === target
}
