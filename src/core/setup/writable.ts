import type { Access } from './types.ts'

/** Names what on the way to a file a user may write to, from the root down: the paths with their access; `who` is the web server's user with all of its groups. */
export function writableBy(
  way: readonly (Access & { path: string; isFolder: boolean })[],
  who: { uid: number; gids: readonly number[] },
): string[] {
  return way.filter(one => mayWrite(one, who)).map(one => one.path)
}

function mayWrite({ uid, gid, mode, isFolder }: Access & { isFolder: boolean }, who: { uid: number; gids: readonly number[] }): boolean {
  const bits = uid === who.uid ? mode >> 6 : who.gids.includes(gid) ? mode >> 3 : mode
  // In a sticky folder nobody replaces what belongs to others.
  if (isFolder && (mode & 0o1000) !== 0 && uid !== who.uid) return false
  return isFolder ? (bits & 0o3) === 0o3 : (bits & 0o2) !== 0
}
