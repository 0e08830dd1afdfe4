import { vitePreprocess } from '@sveltejs/vite-plugin-svelte';

// The class of a component's styles stands on each of its elements, so it is short. Two of the same would share their styles.
const taken = new Map();
function cssHash({ hash, css, filename }) {
  const name = `s${hash(filename ?? css).slice(0, 4)}`;
  const other = taken.get(name) ?? filename;
  if (other !== filename) throw new Error(`${filename} and ${other} have the same class of styles: rename one of them, or take more letters here`);
  taken.set(name, filename);
  return name;
}

export default { preprocess: vitePreprocess(), compilerOptions: { runes: true, cssHash } };
