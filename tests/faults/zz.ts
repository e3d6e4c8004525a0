import { pieces } from "./large_values.ts";
import { startProgram, startProcess } from "../support/process.ts";
import { signIn } from "../support/asking.ts";
import { mib } from "../support/measured.ts";
const [which, size] = Deno.args; const N=Number(size)*2**20;
if (which==="bare") {
await using server = startProgram(new URL("bare_server.ts", import.meta.url).pathname);
const url = await server.line("http://");
let n=0; const t=performance.now();
const iv=setInterval(async()=>console.log("sent",mib(n), mib(await server.rss()), ((performance.now()-t)/1000).toFixed(1)),2000);
const answer = await fetch(url, { method: "POST", body: pieces(N, p=>n+=p.length) });
clearInterval(iv); console.log(answer.status, performance.now()-t, mib(await server.peakMemory()));
} else {
await using node = await startProcess();
  const session = await signIn(node);
let n=0; const t=performance.now();
const iv=setInterval(async()=>console.log("sent",mib(n), mib(await node.rss()), ((performance.now()-t)/1000).toFixed(1)),500);
 console.log(mib(await node.peakMemory()));
  await session.put("large", pieces(N, (piece) => n+=piece.length));
clearInterval(iv); console.log(performance.now()-t, mib(await node.peakMemory()), await node.cpu());
}
