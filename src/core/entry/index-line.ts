/** Gives the path of the transaction's file that a line of a concurrent log's index names, as written there; undefined when it names none.
 *  Only what stands at the end of the line is read: before it, ModSecurity 3 writes what the client sent unescaped. */
export function indexedPath(line: string): string | undefined {
  return (MODSECURITY.exec(line.slice(-LONGEST_END)) ?? CORAZA.exec(line))?.[1]
}

/** Tells whether a line is one of those that Coraza writes before the one with the path: addresses and time, request line, status. */
export function isCorazaIndexHead(line: string): boolean {
  return CORAZA_HEAD.test(line)
}

const LONGEST_END = 4200
const MODSECURITY = / (\/[^\s]{1,4096}) \d{1,12} \d{1,12}(?:\.\d{1,9})? md5:[0-9a-f]{32} ?(?: ?L)?$/
const CORAZA = /^\S{1,256} - (\/\S{0,4096}\/\d{8}\/\d{8}-\d{4}\/\d{8}-\d{6}-\S{1,256})$/
const CORAZA_HEAD = /^(?:\S{1,64} \S{1,64} - - \[\d{4}\/\d{2}\/\d{2} [\d:]{8}\]| "\S{1,32} \S* \S{0,16}"| \d{3})$/
