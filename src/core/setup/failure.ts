/** What the words of a server's own test point to. */
const REMEDIES: readonly [RegExp, string][] = [
  [/SecAuditLogFormat|JSON/, 'this ModSecurity was built without JSON; see docs/setup.md for the native format'],
  [/SecRuleScript|[Ll]ua/, 'this ModSecurity cannot run Lua scripts; see docs/crs-plugin.md'],
  [/Rule id: \d+ is duplicated|Found another rule with the same id/, 'rules are read twice: somewhere the same files are included already'],
  [/SSLCertificate|ssl_certificate|BIO_new_file|PEM_read/, 'the certificate or its key cannot be used'],
]

/** Says what probably is the matter when a server's own test of its configuration fails; empty when nothing is known about it. */
export function hintFor(words: string): string {
  const found = REMEDIES.find(([pattern]) => pattern.test(words))
  return found === undefined ? '' : `; ${found[1]}`
}
