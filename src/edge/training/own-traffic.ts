import { existsSync, statSync } from 'node:fs'
import { addressKey } from '../../core/ip.ts'
import type { TrainingItem } from '../../core/training/item.ts'
import type { HttpRequest } from '../../core/types.ts'
import { siblingPaths } from '../follow/siblings.ts'
import { openTrainingSource } from './source.ts'

/** Finds the files that hold this machine's own traffic: the audit logs with what was rotated beside them, oldest first, and `others` that are there. What
 *  cannot be trained on is passed over and told. */
export function ownTrafficFiles(logs: readonly string[], others: readonly string[], tell: (problem: string) => void): string[] {
  const ofLog = (log: string) =>
    [...siblingPaths(log, logs), log].filter(path => existsSync(path)).sort((a, b) => changedAt(a) - changedAt(b))
  return [...logs.flatMap(ofLog), ...others.filter(path => existsSync(path))].filter(path => {
    try {
      const source = openTrainingSource([path])
      source.close()
      return source.files.some(file => file.kind !== 'empty')
    } catch (error) {
      tell((error as Error).message)
      return false
    }
  })
}

/** Marks what came from addresses that were blocked as suspect, and adds requests that a person marked as clean. */
export async function* withVerdicts(
  items: AsyncIterable<TrainingItem>,
  { blocked, ipv6Prefix, clean }: { blocked: ReadonlySet<string>; ipv6Prefix: number; clean: Iterable<HttpRequest> },
): AsyncGenerator<TrainingItem> {
  for await (const item of items) {
    const isBlocked = item.ok && item.ip !== undefined && blocked.has(addressKey(item.ip, ipv6Prefix))
    yield isBlocked ? { ...item, isSuspect: true } : item
  }
  for (const request of clean) yield { ok: true, request, isSuspect: false, isVouchedFor: true }
}

function changedAt(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
}
