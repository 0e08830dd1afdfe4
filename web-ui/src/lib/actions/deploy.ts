import type { Action } from './action';

export const actions: readonly Action[] = [
  { id: 'deploy.nodes', name: 'Deploy …', keywords: 'save changes nodes', keys: ['Mod+S'], whileTyping: true, needs: 'deploy', when: ({ draft, deploys }) => draft.isDirty && !deploys.running, perform: ({ view }) => view.open('deploy') },
  { id: 'deploy.flows', name: 'Deploy changed flows …', needs: 'deploy', when: ({ draft, deploys }) => draft.isDirty && !deploys.running, perform: ({ view }) => view.open('deploy', 'flows') },
  { id: 'deploy.full', name: 'Deploy everything, restarting all nodes …', keywords: 'full restart', needs: 'deploy', when: ({ deploys }) => !deploys.running, perform: ({ view }) => view.open('deploy', 'full') },
  { id: 'deploy.revert', name: 'Give up what is not deployed …', keywords: 'discard revert', needs: 'deploy', when: ({ draft }) => draft.isDirty, perform: ({ view }) => view.open('revert') },
  { id: 'deploy.keep', name: 'Keep the revision on probation', keywords: 'confirm', needs: 'deploy', when: ({ deploys }) => deploys.watch !== undefined && deploys.watch.needsWord !== false, perform: ({ deploys }) => deploys.keep() },
  { id: 'deploy.take-back', name: 'Take back the revision on probation', keywords: 'rollback undo', needs: 'deploy', when: ({ deploys }) => deploys.watch !== undefined, perform: ({ deploys }) => deploys.takeBack() },
];
