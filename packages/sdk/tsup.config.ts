import { packageBuild } from "../../tsup.shared.ts";

// Constants stand where they are used, so that a page loads no chunk of them that the engine shares.
export default packageBuild({ minifySyntax: true });
