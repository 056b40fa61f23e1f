/** Where and when a page belongs; `date` is ISO 8601, a day. */
export type Page = { name: string; section: number; about: string; version: string; date: string }

/** Starts a manual page, up to the line that apropos reads. */
export function startPage({ name, section, about, version, date }: Page): string[] {
  const kind = section === 5 ? 'File formats' : 'System administration'
  return [
    `.TH "${roff(name.toUpperCase())}" "${section}" "${date}" "modwarden ${roff(version)}" "${kind}"`,
    // One blank between sentences, and no hyphens in words that may be names.
    '.nh',
    '.ad l',
    '.SH NAME',
    `${roff(name)} \\- ${roff(about)}`,
  ]
}

/** Writes text so that nothing in it is taken for a request or an escape; lines stay lines. */
export function roff(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll("'", '\\(aq')
    .replaceAll('`', '\\(ga')
    .replaceAll('^', '\\(ha')
    .replaceAll('~', '\\(ti')
    .replace(/^\./gm, '\\&.')
}

/** An indented item: what it is about in bold, then what is to be said of it. */
export function item(term: string, text: string): string[] {
  return ['.TP', `\\fB${roff(term)}\\fR`, text === '' ? '\\&' : roff(text)]
}

/** Lines as they are, indented. */
export function example(lines: readonly string[]): string[] {
  return ['.PP', '.RS 4', '.nf', ...lines.map(line => (line === '' ? '\\&' : roff(line))), '.fi', '.RE']
}
