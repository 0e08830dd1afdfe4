// Nodes inside of a subflow run once for each instance: their ids are those of the instances on the way, and then their own.

interface Doc {
  has(id: string): boolean;
}

/** The id in the document of a node that runs; as it is where the document has no such node. */
export function documentId(doc: Doc, id: string): string {
  for (let at = 0; at >= 0; at = next(id, at)) {
    const rest = id.slice(at === 0 ? 0 : at + 1);
    if (doc.has(rest)) return rest;
  }
  return id;
}

const next = (id: string, at: number): number => id.indexOf('-', at + 1);
