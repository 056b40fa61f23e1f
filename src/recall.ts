import { createAllowed, neverBlocked } from './allowed.ts'
import type { Settings } from './core/settings.ts'
import type { Standing } from './core/standing-lines.ts'
import type { Millis, Result } from './core/types.ts'
import { protectedAddresses } from './edge/protected-addresses.ts'
import { readStanding, standingPath } from './edge/standing-file.ts'

/** What stood by the standing file, and what is never blocked by it and the settings. */
export type Recalled = Standing & { writtenAt: Millis; allowed: readonly string[] }

/** Says what stood when the standing file was written, for a database that is damaged. A problem when there is no such file or it cannot be read. */
export async function recall(settings: Settings, now: Millis): Promise<Result<Recalled>> {
  const read = await readStanding(standingPath(settings.database), now)
  if (!read.ok) return read
  const { reader, writtenAt } = read.value
  const allowed = createAllowed(() => neverBlocked(settings, { allow: { standing: reader.allow } }, now), protectedAddresses)
  const standing = reader.finish({ isAllowed: allowed.isWhollyAllowed, maxBlocks: settings.maxBlocks })
  return { ok: true, value: { ...standing, writtenAt, allowed: allowed.networks() } }
}
