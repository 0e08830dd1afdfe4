// The words of Rhai, and what a script of a node sees: for colours, and for completion where the gateway does not tell it.

export const KEYWORDS: readonly string[] = [
  'let', 'const', 'if', 'else', 'switch', 'while', 'loop', 'do', 'until', 'for', 'in', 'continue', 'break', 'return', 'throw', 'try', 'catch', 'fn', 'private',
  'import', 'export', 'as', 'global', 'this', 'is_def_fn', 'is_def_var', 'is_shared', 'type_of', 'print', 'debug', 'eval', 'call', 'curry', 'Fn',
];

export const KNOWN: readonly string[] = ['msg', 'node', 'flow', 'context', 'env'];

export interface Known {
  readonly name: string;
  readonly signature: string;
  readonly doc: string;
}

export const METHODS: Readonly<Record<string, readonly Known[]>> = {
  node: [
    { name: 'send', signature: 'node.send(x)', doc: 'Sends at once what x says.' },
    { name: 'status', signature: 'node.status(#{fill, shape, text})', doc: 'Shows a badge; without an argument it goes.' },
    { name: 'error', signature: 'node.error(text, msg)', doc: 'Raises an error that a Catch node takes.' },
    { name: 'warn', signature: 'node.warn(x)', doc: 'Logs a warning.' },
    { name: 'log', signature: 'node.log(x)', doc: 'Logs a line.' },
    { name: 'done', signature: 'node.done()', doc: 'Says that the node is done with the message.' },
  ],
  context: contextOf('context'),
  flow: contextOf('flow'),
  global: contextOf('global'),
};

function contextOf(of: string): Known[] {
  return [
    { name: 'get', signature: `${of}.get("key")`, doc: 'What is kept under the key, or ().' },
    { name: 'set', signature: `${of}.set("key", value)`, doc: 'Keeps a value; () removes the key.' },
    { name: 'update', signature: `${of}.update("key", |v| ...)`, doc: 'Changes a value, and nothing comes in between.' },
    { name: 'keys', signature: `${of}.keys()`, doc: 'The keys that there are.' },
  ];
}

export const FUNCTIONS: readonly Known[] = [
  { name: 'now', signature: 'now()', doc: 'Milliseconds since 1970.' },
  { name: 'iso', signature: 'iso(ms)', doc: 'The time as ISO 8601.' },
  { name: 'parse_time', signature: 'parse_time(text)', doc: 'Milliseconds since 1970 of a time as text.' },
  { name: 'format_time', signature: 'format_time(ms, "YYYY-MM-DD HH:mm")', doc: 'A time as text.' },
  { name: 'json_parse', signature: 'json_parse(text)', doc: 'The value of a JSON text.' },
  { name: 'json_stringify', signature: 'json_stringify(x)', doc: 'A value as JSON text.' },
  { name: 'bytes', signature: 'bytes(text)', doc: 'The bytes of a text, or of a list of numbers.' },
  { name: 'utf8', signature: 'utf8(blob)', doc: 'Bytes as text.' },
  { name: 'base64_encode', signature: 'base64_encode(x)', doc: 'Base64 of a text or bytes.' },
  { name: 'base64_decode', signature: 'base64_decode(text)', doc: 'The bytes of base64.' },
  { name: 'matches', signature: 'matches(text, re)', doc: 'Whether a regular expression matches.' },
  { name: 'captures', signature: 'captures(text, re)', doc: 'What the groups of a regular expression matched, or ().' },
  { name: 'replace_re', signature: 'replace_re(text, re, with)', doc: 'The text with matches replaced.' },
  { name: 'split_re', signature: 'split_re(text, re)', doc: 'The parts of a text.' },
  { name: 'sum', signature: 'sum(list)', doc: 'The sum of numbers.' },
  { name: 'mean', signature: 'mean(list)', doc: 'Their mean, or ().' },
  { name: 'median', signature: 'median(list)', doc: 'Their median, or ().' },
  { name: 'round', signature: 'round(x, digits)', doc: 'A rounded number.' },
  { name: 'clamp', signature: 'clamp(x, low, high)', doc: 'A number within limits.' },
  { name: 'scale', signature: 'scale(x, in_low, in_high, low, high)', doc: 'A number from one range in another.' },
  { name: 'random', signature: 'random(1, 6)', doc: 'A random number.' },
  { name: 'parse_int', signature: 'parse_int(text)', doc: 'A whole number from a text.' },
  { name: 'parse_float', signature: 'parse_float(text)', doc: 'A number from a text.' },
  { name: 'type_of', signature: 'type_of(x)', doc: 'What a value is: "map", "array", "string", "i64", "f64", "bool", "blob", "()".' },
  { name: 'env', signature: 'env("NAME")', doc: 'A setting of the group, subflow, tab or gateway.' },
  { name: 'new_id', signature: 'new_id()', doc: 'An id that nothing else has.' },
];
