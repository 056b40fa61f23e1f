/** What Apache says of itself by `-t -D DUMP_MODULES -D DUMP_RUN_CFG`. */
export type ApacheWords = { modules: Set<string>; user: string | undefined; group: string | undefined }

/** Reads that output. */
export function readApacheWords(text: string): ApacheWords {
  return {
    modules: new Set([...text.matchAll(/^ (\w+)_module \((?:static|shared)\)$/gm)].map(match => match[1]!)),
    user: /^User: name="([^"]+)"/m.exec(text)?.[1],
    group: /^Group: name="([^"]+)"/m.exec(text)?.[1],
  }
}

/** Names the modules of nginx that matter here, by its load_module lines and by how it was built: the words of `configure`, which its program holds. */
export function nginxModules(loaded: readonly string[], built: string): Set<string> {
  const names = new Set<string>()
  for (const path of loaded) {
    const name = /ngx_http_(\w+)_module\.so$/.exec(path)?.[1]
    if (name !== undefined) names.add(name)
  }
  if (/--add-module=[^\s\0]*[Mm]od[Ss]ecurity/.test(built)) names.add('modsecurity')
  if (/--add-module=[^\s\0]*lua-nginx/.test(built)) names.add('lua')
  return names
}

/** Names the user and the group of nginx's workers: those of the user directive, else the ones it was built with. */
export function nginxUser(directive: readonly string[] | undefined, built: string): { user: string; group: string } {
  const isBuilt = (key: string) => new RegExp(`--${key}=([^\\s\\0]+)`).exec(built)?.[1]
  const user = directive?.[0] ?? isBuilt('user') ?? 'nobody'
  return { user, group: directive?.[1] ?? directive?.[0] ?? isBuilt('group') ?? user }
}

/** Finds in a library of ModSecurity whether it knows JSON, and which Lua it is linked with (`5.1`). */
export function readLibrary(bytes: string): { hasJson: boolean; lua: string | undefined } {
  return { hasJson: bytes.includes('yajl'), lua: /liblua-?(5\.\d)/.exec(bytes)?.[1] }
}
