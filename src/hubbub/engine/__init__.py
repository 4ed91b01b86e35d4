"""What the cluster knows, behind one seam: `engine.seam`. One node needs nothing but memory."""
