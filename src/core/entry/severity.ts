const WORDS = ['', 'ALERT', 'CRITICAL', 'ERROR', 'WARNING', 'NOTICE', 'INFO', 'DEBUG']

/** Gives the word for a severity as any engine writes it. libmodsecurity 3 prints 0 for a rule that has none, hence '' for it. */
export function severityWord(written: string): string {
  return WORDS[Number(written || 0)] ?? written.slice(0, 16).toUpperCase()
}
