declare module 'ml-isolation-forest' {
  /** A node of version 0.1.0: inner with left, right, splitColumn and splitValue; a leaf with the rows that reached it. */
  export type IsolationNode = {
    left?: IsolationNode
    right?: IsolationNode
    splitColumn?: number
    splitValue?: number
    trainingSet?: number[][]
  }
  export class IsolationForest {
    constructor(options: { nEstimators: number })
    forest: IsolationNode[]
    train(rows: number[][]): void
    predict(rows: number[][]): number[]
  }
}
