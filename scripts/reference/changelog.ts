const WIDTH = 76

/** Writes CHANGELOG.md as Debian wants it: every version an entry, every point wrapped. What is unreleased belongs to `version`; `at` is in ms. */
export function debianChangelog(
  markdown: string,
  { version, maintainer, at }: { version: string; maintainer: string; at: number },
): string {
  const [, ...versions] = markdown.split(/^## /m)
  const when = new Date(at).toUTCString().replace('GMT', '+0000')
  return versions
    .map(text => {
      const [name, ...points] = text.split(/^- /m).map(point => point.replace(/\s+/g, ' ').trim())
      const lines = points.flatMap(wrap)
      return `modwarden (${name === 'Unreleased' ? version : name}) unstable; urgency=medium\n\n${lines.join('\n')}\n\n -- ${maintainer}  ${when}\n`
    })
    .join('\n')
}

function wrap(point: string): string[] {
  const lines = ['  *']
  for (const word of point.split(' ')) {
    if (lines.at(-1)!.length + word.length + 1 > WIDTH) lines.push('   ')
    lines.push(`${lines.pop()} ${word}`)
  }
  return lines
}
