/** Writes a word for a shell: bare where that is safe, else in single quotes. */
export function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}

/** A command that writes settings into a file of their own, which is read after those of the package and of setup, and then runs `then`. The lines are TOML. */
export function setCommand(folder: string, name: string, lines: readonly string[], then: string): string {
  const path = quoted(`${folder}/90-${name}.toml`)
  return `mkdir -p ${quoted(folder)} && printf '%s\\n' ${lines.map(quoted).join(' ')} > ${path} && ${then}`
}

/** What the distributions of dnf call a package by another name than Debian. */
const RPM_NAMES: Readonly<Record<string, string>> = { iptables: 'iptables-nft', conntrack: 'conntrack-tools' }

/** A command that installs packages, which are named as in Debian. */
export function installCommand(names: readonly string[], manager: 'apt-get' | 'dnf' | undefined): string {
  return manager === 'dnf' ? `dnf install ${names.map(name => RPM_NAMES[name] ?? name).join(' ')}` : `apt-get install ${names.join(' ')}`
}
