"""What did not arrive or could not be stored, brought in afterwards: quarantine and back-fill."""
