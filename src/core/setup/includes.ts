import type { Directive } from './types.ts'

/** A file with those that it includes, each at the line of the directive that does. */
export type Included = { path: string; line: number; children: Included[] }

const INCLUDE = /^include(?:optional)?$/

/** Reads the tree of files that Apache prints by DUMP_INCLUDES; undefined where there is none. */
export function readIncludes(text: string): Included | undefined {
  const open: { depth: number; node: Included }[] = []
  let root: Included | undefined
  for (const [, indent, line, path] of text.matchAll(/^( +)\((\*|\d+)\) (\/.+)$/gm)) {
    const node = { path: path!, line: Number(line) || 0, children: [] }
    const depth = indent!.length
    while (open.length > 0 && open.at(-1)!.depth >= depth) open.pop()
    if (open.length > 0) open.at(-1)!.node.children.push(node)
    else root ??= node
    open.push({ depth, node })
  }
  return root
}

/** Names the files of a tree in the order in which they are read, each once. */
export function filesOf(tree: Included): string[] {
  return [...new Set([tree.path, ...tree.children.flatMap(filesOf)])]
}

/** Gives the directives of a tree in the order in which they are read. What a section includes stands in that section. */
export function inOrder(tree: Included, directivesOf: (path: string) => readonly Directive[], within?: string): Directive[] {
  const left = new Set(tree.children)
  const found = directivesOf(tree.path).flatMap(one => {
    const section = one.section ?? within
    const children = INCLUDE.test(one.name) ? [...left].filter(child => child.line === one.line) : []
    for (const child of children) left.delete(child)
    return [{ ...one, section }, ...children.flatMap(child => inOrder(child, directivesOf, section))]
  })
  // Of a macro the server knows the line, and we do not.
  return [...found, ...[...left].flatMap(child => inOrder(child, directivesOf, within))]
}
