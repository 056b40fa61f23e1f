/** Writes a message of the original plugin as its Lua client does: nothing is percent-encoded, only quotes in values are replaced, and a value is cut
 *  at a NUL together with what closes it (string.format of Lua 5.1). */
export function originalMessage(request: {
  method?: string
  path: string
  args?: readonly (readonly [string, string])[]
  files?: readonly (readonly [string, string])[]
  sizes?: readonly (readonly [string, string])[]
}): string {
  const { method = 'GET', path, args = [], files = [], sizes = [] } = request
  const json = (collection: string, list: readonly (readonly [string, string])[]) =>
    `{${list.map(([name, value]) => `"${collection}:${name}":"${value.replaceAll('"', '$#$')}"`).join(',')}}`
  const cut = (text: string) => text.split('\0', 1)[0]!
  const [argText, fileText, sizeText] = [json('ARGS', args), json('FILES', files), json('FILES_SIZES', sizes)]
  return `method=${cut(method)}&path=${cut(path)}&args=${cut(argText)}&files=${cut(fileText)}&sizes=${cut(sizeText)}&hour=09&day=22`
}

/** Writes a message of our own plugin: netstrings `LENGTH:K=VALUE,` in bytes. */
export function netstrings(fields: readonly (readonly [string, string])[]): string {
  return fields.map(([key, value]) => `${key.length + 1 + value.length}:${key}=${value},`).join('')
}
