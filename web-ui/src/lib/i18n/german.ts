// All German texts. The program gets them packed, without the English ones (`scripts/texts.ts`).

import type { Find } from './packed';

const files = import.meta.glob<Readonly<Record<string, string>>>('./de/*.ts', { eager: true, import: 'default' });
const texts = new Map(Object.values(files).flatMap((file) => Object.entries(file)));

const find: Find = (english) => texts.get(english);
export default find;
